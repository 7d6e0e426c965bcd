// This library is preloaded (LD_PRELOAD) into a process. It replaces the calls that change or sync
// files, and records the calls on the files of one folder. power_cut.rs sets the variables:
//
//   CUT_FOLDER   the folder, as an absolute path without symbolic links. Files directly in it are
//                recorded, except for those whose name ends in "-shm": SQLite maps them into memory
//                and never needs them after a crash.
//   CUT_JOURNAL  the journal, a file outside the folder. One process at a time writes to it.
//
// The real calls are made as system calls. Their results and errors reach the caller unchanged.
//
// The library must not open recorded files itself: closing one would drop the process's POSIX locks
// on it, which SQLite relies on. Therefore the bytes are recorded as they are written.
//
// Calls that are not replaced, such as copy_file_range or writes through mmap, change files without
// a record. power_cut.rs notices, because the journal then differs from the files.

#define _GNU_SOURCE
#include "journal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(long) == 8, "offsets are passed to system calls in one register");

// Makes the 64-bit name of a call the same function.
#define ALSO(name, result, call, ...) result name(__VA_ARGS__) __attribute__((alias(#call)));

enum { MAX_FDS = 1 << 20, NOT_RECORDED = 0 };

// The target of each descriptor: NOT_RECORDED, FOLDER or the inode of a recorded file.
static _Atomic uint64_t files[MAX_FDS];

static uint64_t file_of(int fd) { return fd >= 0 && fd < MAX_FDS ? files[fd] : NOT_RECORDED; }

static int set_file(int fd, uint64_t file) {
    if (fd >= 0 && fd < MAX_FDS)
        files[fd] = file;
    else if (file != NOT_RECORDED)
        fail("a descriptor is too large");
    return fd;
}

// Returns the path of a descriptor, absolute and without symbolic links, or an empty text on an
// error.
static void path_of(int fd, char path[PATH_MAX]) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
}

static bool is_recorded(const char *name) {
    size_t length = strlen(name);
    return length && !strchr(name, '/') && (length < 4 || strcmp(name + length - 4, "-shm"));
}

// Returns the file's name in the folder, or NULL if it is elsewhere or not recorded.
static const char *name_in_folder(int at, const char *path) {
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = name - path;
    if (!folder || length + 2 > sizeof parent)
        return NULL;
    memcpy(parent, path, length);
    strcpy(parent + length, slash ? "" : ".");
    int fd = syscall(SYS_openat, at, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    path_of(fd, parent);
    syscall(SYS_close, fd);
    return !strcmp(parent, folder) && is_recorded(name) ? name : NULL;
}

// Records the target of a new descriptor. Returns the file's name in `path`, or NULL if it is not
// recorded.
static const char *note_opened(int fd, char path[PATH_MAX]) {
    struct stat status;
    size_t length = strlen(folder);
    path_of(fd, path);
    bool is_below = !strncmp(path, folder, length) && path[length] == '/';
    const char *name = is_below && is_recorded(path + length + 1) ? path + length + 1 : NULL;
    if (name && (fstat(fd, &status) || !S_ISREG(status.st_mode)))
        name = NULL;
    set_file(fd, name ? status.st_ino : strcmp(path, folder) ? NOT_RECORDED : FOLDER);
    return name;
}

static int open_file(int at, const char *path, int flags, mode_t mode) {
    char opened[PATH_MAX];
    bool is_change = flags & (O_CREAT | O_TRUNC) && name_in_folder(at, path);
    if (is_change)
        begin_change();
    bool existed = !is_change || !syscall(SYS_faccessat, at, path, F_OK);
    int fd = syscall(SYS_openat, at, path, flags, mode);
    const char *name = folder && fd >= 0 ? note_opened(fd, opened) : NULL;
    if (name) {
        begin_record();
        append(OPEN, files[fd], !existed, name, strlen(name));
        if (existed && flags & O_TRUNC)
            append(TRUNCATE, files[fd], 0, NULL, 0);
        end_record();
    }
    if (is_change)
        end_change();
    return fd;
}

static mode_t mode_of(int flags, va_list rest) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return open_file(AT_FDCWD, path, flags, mode);
}
ALSO(open64, int, open, const char *path, int flags, ...)

int openat(int at, const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return open_file(at, path, flags, mode);
}
ALSO(openat64, int, openat, int at, const char *path, int flags, ...)

// The calls of programs that were compiled with _FORTIFY_SOURCE.
int __open_2(const char *path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
ALSO(__open64_2, int, __open_2, const char *path, int flags)
int __openat_2(int at, const char *path, int flags) { return open_file(at, path, flags, 0); }
ALSO(__openat64_2, int, __openat_2, int at, const char *path, int flags)

int creat(const char *path, mode_t mode) {
    return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
ALSO(creat64, int, creat, const char *path, mode_t mode)

int close(int fd) {
    set_file(fd, NOT_RECORDED);
    return syscall(SYS_close, fd);
}

int dup(int fd) { return set_file(syscall(SYS_dup, fd), file_of(fd)); }

int dup3(int fd, int to, int flags) {
    return set_file(syscall(SYS_dup3, fd, to, flags), file_of(fd));
}

int dup2(int fd, int to) { return fd == to ? fcntl(fd, F_GETFD) < 0 ? -1 : fd : dup3(fd, to, 0); }

int fcntl(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    int result = syscall(SYS_fcntl, fd, command, argument);
    bool is_duplicate = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    return is_duplicate ? set_file(result, file_of(fd)) : result;
}
ALSO(fcntl64, int, fcntl, int fd, int command, ...)

// The offset for pwritev2 that means the position of the descriptor.
enum { AT_POSITION = -1 };

static ssize_t write_recorded(int fd, const struct iovec *parts, int count, off_t offset,
                              int flags) {
    begin_change();
    ssize_t written = syscall(SYS_pwritev2, fd, parts, count, offset, 0, flags);
    if (offset == AT_POSITION && written > 0)
        offset = syscall(SYS_lseek, fd, 0, SEEK_CUR) - written;
    for (ssize_t rest = written; rest > 0; parts++) {
        ssize_t size = (ssize_t)parts->iov_len < rest ? (ssize_t)parts->iov_len : rest;
        append(WRITE, file_of(fd), offset, parts->iov_base, size);
        offset += size;
        rest -= size;
    }
    end_change();
    return written;
}

ssize_t write(int fd, const void *data, size_t size) {
    struct iovec part = {(void *)data, size};
    return file_of(fd) == NOT_RECORDED ? syscall(SYS_write, fd, data, size)
                                       : write_recorded(fd, &part, 1, AT_POSITION, 0);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    struct iovec part = {(void *)data, size};
    return file_of(fd) == NOT_RECORDED || offset < 0
               ? syscall(SYS_pwrite64, fd, data, size, offset)
               : write_recorded(fd, &part, 1, offset, 0);
}
ALSO(pwrite64, ssize_t, pwrite, int fd, const void *data, size_t size, off_t offset)

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return file_of(fd) == NOT_RECORDED ? syscall(SYS_writev, fd, parts, count)
                                       : write_recorded(fd, parts, count, AT_POSITION, 0);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    return file_of(fd) == NOT_RECORDED ? syscall(SYS_pwritev2, fd, parts, count, offset, 0, flags)
                                       : write_recorded(fd, parts, count, offset, flags);
}
ALSO(pwritev64v2, ssize_t, pwritev2, int fd, const struct iovec *parts, int count, off_t offset,
     int flags)

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return offset < 0 ? syscall(SYS_pwritev, fd, parts, count, offset, 0)
                      : pwritev2(fd, parts, count, offset, 0);
}
ALSO(pwritev64, ssize_t, pwritev, int fd, const struct iovec *parts, int count, off_t offset)

int ftruncate(int fd, off_t length) {
    if (file_of(fd) == NOT_RECORDED)
        return syscall(SYS_ftruncate, fd, length);
    begin_change();
    int result = syscall(SYS_ftruncate, fd, length);
    if (!result)
        append(TRUNCATE, file_of(fd), length, NULL, 0);
    end_change();
    return result;
}
ALSO(ftruncate64, int, ftruncate, int fd, off_t length)

int fallocate(int fd, int mode, off_t offset, off_t length) {
    if (file_of(fd) == NOT_RECORDED)
        return syscall(SYS_fallocate, fd, mode, offset, length);
    begin_change();
    int result = syscall(SYS_fallocate, fd, mode, offset, length);
    if (!result && !mode)
        append(ALLOCATE, file_of(fd), offset + length, NULL, 0);
    end_change();
    return result;
}
ALSO(fallocate64, int, fallocate, int fd, int mode, off_t offset, off_t length)

// Changes that other threads make during the sync may miss it: it covers those recorded before.
static int sync_file(int fd, long call) {
    uint64_t file = file_of(fd);
    uint64_t covered = file == NOT_RECORDED ? 0 : journal_length();
    int result = syscall(call, fd);
    if (!result && file != NOT_RECORDED) {
        begin_record();
        append(SYNC, file, covered, NULL, 0);
        end_record();
    }
    return result;
}

int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

int unlinkat(int at, const char *path, int flags) {
    const char *name = name_in_folder(at, path);
    if (!name)
        return syscall(SYS_unlinkat, at, path, flags);
    begin_change();
    int result = syscall(SYS_unlinkat, at, path, flags);
    if (!result && !(flags & AT_REMOVEDIR))
        append(UNLINK, 0, 0, name, strlen(name));
    end_change();
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int renameat2(int at, const char *path, int to_at, const char *to_path, unsigned flags) {
    const char *name = name_in_folder(at, path), *to = name_in_folder(to_at, to_path);
    if (!name || !to)
        return syscall(SYS_renameat2, at, path, to_at, to_path, flags);
    char names[2 * NAME_MAX + 3];
    begin_change();
    int result = syscall(SYS_renameat2, at, path, to_at, to_path, flags);
    if (!result) {
        int size = snprintf(names, sizeof names, "%s%c%s", name, 0, to);
        append(RENAME, 0, 0, names, size);
    }
    end_change();
    return result;
}

int renameat(int at, const char *path, int to_at, const char *to_path) {
    return renameat2(at, path, to_at, to_path, 0);
}

int rename(const char *path, const char *to_path) {
    return renameat2(AT_FDCWD, path, AT_FDCWD, to_path, 0);
}
