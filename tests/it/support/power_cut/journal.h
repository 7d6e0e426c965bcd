// The journal records what a process writes to the files of one folder, and what it syncs.
//
// It begins with a page that is mapped into memory (struct header). Records follow (struct record
// and `size` bytes). A record counts once the header's length includes it, so a kill at any time
// leaves only whole records. journal.rs reads the journal.

#pragma once
#pragma GCC visibility push(hidden)

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

// The kind of a record. journal.rs has the same numbers.
enum kind {
    OPEN = 1,     // `file` was opened by this name; `value` is 1 if that created it
    WRITE = 2,    // these bytes were written at offset `value`
    TRUNCATE = 3, // the length became `value`
    ALLOCATE = 4, // the length became `value`, unless it was greater
    SYNC = 5,     // what the journal's first `value` bytes say about `file` is durable
    UNLINK = 6,   // this name was removed
    RENAME = 7,   // the first of two names, separated by a zero byte, was changed to the second
};

struct record {
    uint64_t kind;
    uint64_t file; // the inode of the file, FOLDER for the folder, 0 for UNLINK and RENAME
    uint64_t value;
    uint64_t size;
};

struct header {
    _Atomic uint64_t length;    // bytes of records
    _Atomic uint64_t in_flight; // changes that may have reached a file but not the journal
};

enum { HEADER = 4096, FOLDER = 1 };

// The folder, or NULL if nothing is recorded.
extern const char *folder;

// Ends the process with a message.
_Noreturn void fail(const char *message);

// The caller appends records between these two calls. Only one thread at a time does so.
void begin_record(void);
void end_record(void);

// The same, if the caller also changes a file. So the journal has the order of the changes.
void begin_change(void);
void end_change(void);

void append(enum kind kind, uint64_t file, uint64_t value, const void *data, size_t size);

// The length of the journal: every change that a thread has finished is part of it.
uint64_t journal_length(void);

#pragma GCC visibility pop
