/* A disk that fails on demand, preloaded into the host (LD_PRELOAD); see disk.rs.
 *
 * The library is between the host and the kernel for the files of the store. It remembers the last synced content of each
 * page of 4 KiB. It can therefore do what a test cannot do with a real disk: refuse a write, fail a sync, and lose a random
 * part of the unsynced data in a power cut.
 *
 * HOOKYARD_DISK_FILES  the beginning of the paths of the files
 * HOOKYARD_DISK        a file whose first word is the condition of the disk; if it is missing or empty, the disk works
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, PATH = 4096, FILES = 16, BUCKETS = 65536 };

struct page {
    struct page *next;
    int file;
    off_t number;
    int lost; /* A sync failed: the kernel treats the page as clean, and no later sync writes it. */
    char synced[PAGE];
};

struct file {
    char path[PATH];
    off_t synced_length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct page *pages[BUCKETS];
static struct file files[FILES];
static int files_known;
static unsigned long dice = 88172645463325252UL;

static unsigned long roll(void) {
    dice ^= dice << 13;
    dice ^= dice >> 7;
    return dice ^= dice << 17;
}

static off_t length_of(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 ? status.st_size : 0;
}

/* Returns the index of the file in our table, or -1. */
static int file_of(int fd) {
    static const char *prefix;
    char link[64], path[PATH];
    if (!prefix && !(prefix = getenv("HOOKYARD_DISK_FILES"))) return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return -1;
    path[length] = 0;
    if (strncmp(path, prefix, strlen(prefix)) != 0) return -1;
    for (int file = 0; file < files_known; file++)
        if (strcmp(files[file].path, path) == 0) return file;
    if (files_known == FILES) return -1;
    strcpy(files[files_known].path, path);
    files[files_known].synced_length = length_of(fd);
    return files_known++;
}

/* The condition of the disk: the first word of the control file, and the number after it as the random seed. */
static void condition(char *word, size_t size) {
    const char *path = getenv("HOOKYARD_DISK");
    char text[64] = "";
    int fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    word[0] = 0;
    if (fd < 0) return;
    ssize_t length = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    if (length <= 0) return;
    static int seeded;
    unsigned long seed = 0;
    char format[32];
    snprintf(format, sizeof format, "%%%zus %%lu", size - 1);
    if (sscanf(text, format, word, &seed) == 2 && !seeded) {
        seeded = 1;
        dice ^= seed * 0x9e3779b97f4a7c15UL;
    }
}

static struct page **slot(int file, off_t number) {
    struct page **at = &pages[(unsigned long)(number * FILES + file) % BUCKETS];
    while (*at && ((*at)->file != file || (*at)->number != number)) at = &(*at)->next;
    return at;
}

/* Remembers the content of the pages that will be written. */
static void remember(int fd, int file, off_t offset, size_t count) {
    if (count == 0) return;
    for (off_t number = offset / PAGE; number <= (off_t)(offset + count - 1) / PAGE; number++) {
        struct page **at = slot(file, number);
        if (*at) {
            (*at)->lost = 0; /* Written again, so the next sync includes it. */
            continue;
        }
        struct page *page = calloc(1, sizeof *page);
        if (!page) abort();
        page->file = file;
        page->number = number;
        syscall(SYS_pread64, fd, page->synced, PAGE, number * PAGE);
        *at = page;
    }
}

/* Updates what is on the disk: after a sync, everything except lost pages; after a failed sync, nothing new. */
static void synced(int fd, int file, int well) {
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        for (struct page **at = &pages[bucket]; *at;) {
            struct page *page = *at;
            if (page->file == file && !well) page->lost = 1;
            if (page->file == file && well && !page->lost) {
                *at = page->next;
                free(page);
            } else {
                at = &page->next;
            }
        }
    }
    if (well) files[file].synced_length = length_of(fd);
}

/* Keeps a random part of the unsynced data and ends the process. */
static void cut(void) {
    for (int file = 0; file < files_known; file++) {
        int fd = syscall(SYS_openat, AT_FDCWD, files[file].path, O_RDWR | O_CLOEXEC);
        if (fd < 0) continue;
        int all = roll() % 4 == 0;
        for (int bucket = 0; bucket < BUCKETS; bucket++)
            for (struct page *page = pages[bucket]; page; page = page->next)
                if (page->file == file && (all || page->lost || roll() % 2))
                    syscall(SYS_pwrite64, fd, page->synced, PAGE, page->number * PAGE);
        if (all || roll() % 2) syscall(SYS_ftruncate, fd, files[file].synced_length);
        syscall(SYS_close, fd);
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int is(const char *word, const char *wanted) { return strcmp(word, wanted) == 0; }

static ssize_t write_at(int fd, const void *data, size_t count, off_t offset, int file) {
    char word[32];
    condition(word, sizeof word);
    if (is(word, "cut") && roll() % 8 == 0) cut();
    if (is(word, "broken")) return errno = EIO, -1;
    /* A full disk still accepts writes that overwrite data. */
    int grows = offset + (off_t)count > length_of(fd);
    if (is(word, "full") && grows) return errno = ENOSPC, -1;
    if (is(word, "short") && grows) count = count / 2;
    remember(fd, file, offset, count);
    return syscall(SYS_pwrite64, fd, data, count, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off_t offset) {
    pthread_mutex_lock(&lock);
    int file = file_of(fd);
    ssize_t written = file < 0 ? syscall(SYS_pwrite64, fd, data, count, offset)
                               : write_at(fd, data, count, offset, file);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) { return pwrite64(fd, data, count, offset); }

ssize_t write(int fd, const void *data, size_t count) {
    pthread_mutex_lock(&lock);
    int file = file_of(fd);
    ssize_t written;
    if (file < 0) {
        pthread_mutex_unlock(&lock); /* The file may be a pipe, which can block. */
        return syscall(SYS_write, fd, data, count);
    }
    off_t offset = lseek(fd, 0, SEEK_CUR);
    written = write_at(fd, data, count, offset, file);
    if (written > 0) lseek(fd, written, SEEK_CUR);
    pthread_mutex_unlock(&lock);
    return written;
}

static int sync_by(int call, int fd) {
    pthread_mutex_lock(&lock);
    int file = file_of(fd), result = 0;
    if (file < 0) {
        pthread_mutex_unlock(&lock);
        return syscall(call, fd);
    }
    char word[32];
    condition(word, sizeof word);
    if (is(word, "cut")) cut();
    int fails = is(word, "unsyncable") || is(word, "broken");
    /* A sync that would reach the disk is not made: a test has no use for waiting for it. */
    synced(fd, file, !fails);
    if (fails) errno = EIO, result = -1;
    pthread_mutex_unlock(&lock);
    return result;
}

int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }
int fsync(int fd) { return sync_by(SYS_fsync, fd); }

int ftruncate64(int fd, off_t length) {
    pthread_mutex_lock(&lock);
    int file = file_of(fd);
    int result = syscall(SYS_ftruncate, fd, length);
    /* As a file system with a journal does, which loses no part of it. */
    if (file >= 0 && result == 0) {
        for (int bucket = 0; bucket < BUCKETS; bucket++)
            for (struct page **at = &pages[bucket]; *at;) {
                struct page *page = *at;
                if (page->file == file && page->number * PAGE >= length) {
                    *at = page->next;
                    free(page);
                } else {
                    at = &page->next;
                }
            }
        if (files[file].synced_length > length) files[file].synced_length = length;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
