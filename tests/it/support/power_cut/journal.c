// Writes the journal. See journal.h for its form.

#define _GNU_SOURCE
#include "journal.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

const char *folder;

static const char *path;
static int journal = -1;
static struct header *header;
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

__attribute__((constructor)) static void start(void) {
    path = getenv("CUT_JOURNAL");
    folder = path ? getenv("CUT_FOLDER") : NULL;
}

void fail(const char *message) {
    struct iovec parts[] = {
        {"power cut: ", 11}, {(void *)message, strlen(message)}, {"\n", 1}};
    syscall(SYS_writev, 2, parts, 3);
    abort();
}

// Opens the journal at its first use: a shell that starts the program does not need it.
static void open_journal(void) {
    if (journal >= 0)
        return;
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat status;
    if (fd < 0 || fstat(fd, &status))
        fail("cannot open the journal");
    // This lock tells power_cut.rs whether the process still runs.
    if (flock(fd, LOCK_EX | LOCK_NB))
        fail("another process writes to the journal");
    if (status.st_size < HEADER && syscall(SYS_ftruncate, fd, HEADER))
        fail("cannot write the journal's header");
    header = mmap(NULL, HEADER, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (header == MAP_FAILED)
        fail("cannot map the journal's header");
    if (header->in_flight)
        fail("a process was killed during a change, and its files were not rebuilt since");
    journal = fd;
}

void begin_record(void) {
    pthread_mutex_lock(&lock);
    open_journal();
}

void end_record(void) { pthread_mutex_unlock(&lock); }

void begin_change(void) {
    begin_record();
    header->in_flight++;
}

void end_change(void) {
    header->in_flight--;
    end_record();
}

void append(enum kind kind, uint64_t file, uint64_t value, const void *data, size_t size) {
    struct record record = {kind, file, value, size};
    struct iovec parts[] = {{&record, sizeof record}, {(void *)data, size}};
    uint64_t length = header->length;
    ssize_t whole = sizeof record + size;
    if (syscall(SYS_pwritev, journal, parts, 2, HEADER + length, 0) != whole)
        fail("cannot write to the journal");
    header->length = length + whole;
}

uint64_t journal_length(void) {
    begin_record();
    uint64_t length = header->length;
    end_record();
    return length;
}
