/*
 * The simulated SD card: a library that is loaded before a program (LD_PRELOAD) and stands between it and ONE folder.
 *
 * Everything that the program does in that folder is done for real, on the computer's own disk. Besides, the library
 * keeps a log from which `hardware/simulated/card_loss.py` can tell what a card would hold after a power cut, and it
 * fails on purpose as a control block says.
 *
 * What is modelled
 *   - Data that was not brought to the card (fsync, fdatasync of that file) may be lost, wholly or in part. The log
 *     holds the bytes that each write or truncation replaced, so every state since the last fsync can be built again.
 *   - Names (files made, renamed, removed, folders made) are kept in the order in which they were changed, as a
 *     journalling file system does. After a power cut some first part of those since the last fsync of a folder of the
 *     card holds. An fsync of a FILE keeps no name here: POSIX promises none, though ext4 often does.
 *   - A file that was replaced or removed lives on under a second name beside the log until that is on the card, so
 *     that a lost rename gives the old file back.
 *   - Faults: a card with so much room left (ENOSPC, a short write first, statvfs says the same), a card that is
 *     read-only (EROFS), writes and reads that fail (EIO), writes that come back wrong, a slow fsync.
 *   - The program can be killed (SIGKILL) at its k-th change: before it, in the middle of a write, or after it.
 *
 * What is not modelled
 *   - What is written through a shared memory mapping. SQLite maps its -shm files only, which no reader trusts after a
 *     power cut; they count as memory, though they need room.
 *   - Files of folders named in LOAXA_CARD_MEMORY: memory on a Pi (`run`).
 *   - Writers other than the one program: it removes itself from the environment, so children are not under it, and a
 *     forked child changes nothing in its books. stdio inside libc (fopen), symbolic links, O_TMPFILE and io_uring are
 *     not seen; sendfile and copy_file_range into the folder are refused, so that callers copy by hand.
 *   - Time: a real kernel brings old data to the card by itself after some 30 s. Here it does so only when the log
 *     grows over LOG_LIMIT; until then nothing that was not fsynced is safe.
 *   - Single bytes of a page that is being written: what `card_loss.py` tears, it tears as it says there.
 *
 * Order: a change is logged BEFORE it is made (a new file after, when its number is known), so a program that is killed
 * between the two leaves at worst an entry that changed nothing; such an entry is harmless. An fsync is logged AFTER
 * it, with the length of the log from before it: only what was there when it began is safe.
 *
 * LOAXA_CARD       folder of the log, the control block and the kept files; on the same file system as the store
 * LOAXA_CARD_ROOT  the folder that stands for the card
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8, "a 64-bit computer is needed");

#define LOG_LIMIT (64 * 1024 * 1024)
#define MAGIC 0x44524143u /* "CARD" */
#define FILES 4096

/* Shared with hardware/simulated/card.py, which lays it out in the same order. */
struct control {
    uint32_t magic, version;
    uint64_t changes;
    uint64_t kill_at;
    uint32_t kill_how; /* 0 before the change, 1 in the middle, 2 after it */
    uint32_t read_only;
    int64_t room_bytes; /* -1: no limit */
    uint32_t write_errors_pct, read_errors_pct, garbled_pct, slow_sync_ms;
    uint64_t seed;
    uint32_t skips_sync; /* the computer's own disk need not wait: trials */
    uint32_t unused;
};

enum op { CREATE = 1, WRITE, TRUNCATE, RENAME, UNLINK, MKDIR, RMDIR, LINK, SYNC_FILE, SYNC_NAMES, SYNC_ALL };

struct record {
    uint32_t magic;
    uint8_t op, pad[3];
    uint64_t ino;    /* the file it is about */
    uint64_t other;  /* the file that a rename replaced; the length of the log that a sync covers */
    int64_t offset;  /* of a write; the new size of a truncation */
    int64_t length;  /* of a write */
    int64_t old_size;
    uint32_t path_len, path2_len, old_len, unused;
};

enum kind { NONE, FILE_, FOLDER, MEMORY };
struct entry { uint64_t ino; uint8_t kind, appends; };

static struct entry table[FILES];
static volatile struct control *control;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pid_t owner;
static int log_fd = -1;
static uint64_t log_size, log_generation, kept_bytes, dice;
static char home[PATH_MAX], roots[2][PATH_MAX], memory[PATH_MAX];
static size_t root_len[2];
static struct { uint64_t ino, at; } *kept;
static size_t kept_count, kept_room;

/* What the library calls itself */

#define REAL(name, type, args) static type (*real_##name) args
REAL(openat, int, (int, const char *, int, ...));
REAL(close, int, (int));
REAL(write, ssize_t, (int, const void *, size_t));
REAL(pwrite, ssize_t, (int, const void *, size_t, off_t));
REAL(writev, ssize_t, (int, const struct iovec *, int));
REAL(pwritev, ssize_t, (int, const struct iovec *, int, off_t));
REAL(pwritev2, ssize_t, (int, const struct iovec *, int, off_t, int));
REAL(read, ssize_t, (int, void *, size_t));
REAL(pread, ssize_t, (int, void *, size_t, off_t));
REAL(ftruncate, int, (int, off_t));
REAL(truncate, int, (const char *, off_t));
REAL(fallocate, int, (int, int, off_t, off_t));
REAL(posix_fallocate, int, (int, off_t, off_t));
REAL(fsync, int, (int));
REAL(fdatasync, int, (int));
REAL(sync, void, (void));
REAL(syncfs, int, (int));
REAL(renameat2, int, (int, const char *, int, const char *, unsigned));
REAL(unlinkat, int, (int, const char *, int));
REAL(mkdirat, int, (int, const char *, mode_t));
REAL(linkat, int, (int, const char *, int, const char *, int));
REAL(dup, int, (int));
REAL(dup2, int, (int, int));
REAL(dup3, int, (int, int, int));
REAL(statvfs, int, (const char *, struct statvfs *));
REAL(fstatvfs, int, (int, struct statvfs *));
REAL(sendfile, ssize_t, (int, int, off_t *, size_t));
REAL(copy_file_range, ssize_t, (int, off_t *, int, off_t *, size_t, unsigned));

static void die(const char *what) {
    char line[256];
    int length = snprintf(line, sizeof line, "simulated card: %s: %s\n", what, strerror(errno));
    if (real_write(2, line, (size_t)length) < 0) { /* nobody hears */ }
    _exit(70);
}

static void look_up(void) {
#define FIND(name) if (!(*(void **)&real_##name = dlsym(RTLD_NEXT, #name))) _exit(70)
    FIND(openat); FIND(close); FIND(write); FIND(pwrite); FIND(writev); FIND(pwritev); FIND(pwritev2); FIND(read);
    FIND(pread); FIND(ftruncate); FIND(truncate); FIND(fallocate); FIND(posix_fallocate); FIND(fsync); FIND(fdatasync);
    FIND(sync); FIND(syncfs); FIND(renameat2); FIND(unlinkat); FIND(mkdirat); FIND(linkat); FIND(dup); FIND(dup2);
    FIND(dup3); FIND(statvfs); FIND(fstatvfs); FIND(sendfile); FIND(copy_file_range);
}

/* Others' constructors may call us before ours has run. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static inline void ready(void) { if (!real_copy_file_range) pthread_once(&once, look_up); }

__attribute__((constructor)) static void begin(void) {
    char path[PATH_MAX + 16];
    const char *folder = getenv("LOAXA_CARD"), *root = getenv("LOAXA_CARD_ROOT"), *volatiles = getenv("LOAXA_CARD_MEMORY");
    ready();
    if (!folder || !root) return;
    if (!realpath(folder, home)) die(folder);
    if (root[0] != '/' || !realpath(root, roots[1])) die(root);
    snprintf(roots[0], PATH_MAX, "%s", root);
    if (volatiles) snprintf(memory, PATH_MAX, "%s", volatiles);
    for (int i = 0; i < 2; i++) root_len[i] = strlen(roots[i]);
    snprintf(path, sizeof path, "%s/control", home);
    int fd = real_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0) die(path);
    void *map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) die(path);
    real_close(fd);
    control = map;
    if (control->magic != MAGIC) die("the control block is of another version");
    snprintf(path, sizeof path, "%s/log", home);
    log_fd = real_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) die(path);
    /* Out of the way of descriptors that programs count on. */
    int high = fcntl(log_fd, F_DUPFD_CLOEXEC, 500);
    if (high >= 0) { real_close(log_fd); log_fd = high; }
    log_size = (uint64_t)lseek(log_fd, 0, SEEK_END);
    dice = control->seed | 1;
    owner = getpid();
    /* Children are not under the card. */
    unsetenv("LD_PRELOAD"); unsetenv("LOAXA_CARD"); unsetenv("LOAXA_CARD_ROOT"); unsetenv("LOAXA_CARD_MEMORY");
}

/* Paths */

static void tidy(char *path) { /* without "//", "/./", "/../" */
    char *to = path;
    for (char *from = path; *from;) {
        while (from[0] == '/' && from[1] == '/') from++;
        if (from[0] == '/' && from[1] == '.' && (from[2] == '/' || !from[2])) { from += 2; continue; }
        if (from[0] == '/' && from[1] == '.' && from[2] == '.' && (from[3] == '/' || !from[3])) {
            while (to > path && *--to != '/') {}
            from += 3;
            continue;
        }
        *to++ = *from++;
        while (*from && *from != '/') *to++ = *from++;
    }
    if (to > path + 1 && to[-1] == '/') to--;
    *to = 0;
}

/* The path inside the card ("" for the card itself), or NULL. `space` holds it. */
static const char *inside(int folder, const char *path, char space[PATH_MAX]) {
    if (!control || !path || !*path) return NULL;
    if (path[0] == '/') {
        if (strncmp(path, roots[0], root_len[0]) && strncmp(path, roots[1], root_len[1])) return NULL;
        if (strlen(path) >= PATH_MAX) return NULL;
        strcpy(space, path);
    } else {
        char base[PATH_MAX];
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return NULL;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return NULL;
            base[length] = 0;
        }
        if (snprintf(space, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return NULL;
    }
    tidy(space);
    for (int i = 0; i < 2; i++)
        if (!strncmp(space, roots[i], root_len[i])) {
            const char *rest = space + root_len[i];
            if (*rest == '/') rest++;
            else if (*rest) continue;
            size_t length = strlen(memory);
            if (length && !strncmp(rest, memory, length) && (!rest[length] || rest[length] == '/')) return NULL;
            return getpid() == owner ? rest : NULL;
        }
    return NULL;
}

static int is_memory(const char *path) {
    size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, "-shm");
}

static inline struct entry *tracked(int fd) {
    if ((unsigned)fd >= FILES || !table[fd].kind) return NULL;
    return getpid() == owner ? &table[fd] : NULL; /* a child between fork and exec shares this table */
}

/* The log */

static void log_change(enum op op, uint64_t ino, uint64_t other, int64_t offset, int64_t length, int64_t old_size,
                       const char *path, const char *path2, const void *old, size_t old_len) {
    struct record record = {.magic = MAGIC, .op = (uint8_t)op, .ino = ino, .other = other, .offset = offset,
        .length = length, .old_size = old_size, .path_len = path ? (uint32_t)strlen(path) : 0,
        .path2_len = path2 ? (uint32_t)strlen(path2) : 0, .old_len = (uint32_t)old_len};
    struct iovec parts[4] = {{&record, sizeof record}, {(void *)path, record.path_len},
        {(void *)path2, record.path2_len}, {(void *)old, old_len}};
    size_t whole = sizeof record + record.path_len + record.path2_len + old_len;
    if (real_writev(log_fd, parts, 4) != (ssize_t)whole) die("the log cannot be written");
    log_size += whole;
}

static void forget_kept(uint64_t before) {
    size_t stays = 0;
    for (size_t i = 0; i < kept_count; i++)
        if (kept[i].at < before) {
            char path[PATH_MAX + 32];
            snprintf(path, sizeof path, "%s/kept/%llu", home, (unsigned long long)kept[i].ino);
            real_unlinkat(AT_FDCWD, path, 0);
        } else kept[stays++] = kept[i];
    kept_count = stays;
    if (!stays) kept_bytes = 0;
}

static void bound_log(void) { /* as the kernel brings old data to the card by itself */
    if (log_size + kept_bytes < LOG_LIMIT) return;
    if (ftruncate64(log_fd, 0)) die("the log cannot be cut");
    forget_kept(UINT64_MAX);
    log_size = 0;
    log_generation++;
}

/* Gives a file that is about to lose a name a second one, so that it can come back. */
static void keep(const char *full, const struct stat *facts) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/kept/%llu", home, (unsigned long long)facts->st_ino);
    if (real_linkat(AT_FDCWD, full, AT_FDCWD, path, 0) && errno != EEXIST) die("a file cannot be kept");
    if (kept_count == kept_room) {
        kept_room = kept_room ? 2 * kept_room : 64;
        if (!(kept = realloc(kept, kept_room * sizeof *kept))) die("no memory");
    }
    kept[kept_count].ino = facts->st_ino;
    kept[kept_count++].at = log_size;
    kept_bytes += (uint64_t)facts->st_size;
}

/* Faults */

static int falls(uint32_t pct) { /* xorshift: the same seed, the same faults */
    if (!pct) return 0;
    dice ^= dice << 13; dice ^= dice >> 7; dice ^= dice << 17;
    return dice % 100 < pct;
}

static void end_here(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts a change; does not return when it is the last one. 0, or how the program is to end. */
static unsigned count_change(void) {
    bound_log();
    uint64_t number = ++control->changes;
    if (!control->kill_at || number < control->kill_at) return 0;
    if (control->kill_how == 0) end_here();
    return control->kill_how;
}

static int refused(void) {
    if (control->read_only) { errno = EROFS; return 1; }
    if (falls(control->write_errors_pct)) { errno = EIO; return 1; }
    return 0;
}

static void give_room(int64_t bytes) { if (control->room_bytes >= 0) control->room_bytes += bytes; }

/* How many of `wanted` bytes of growth there is room for. */
static int64_t take_room(int64_t wanted) {
    if (control->room_bytes < 0 || wanted <= 0) return wanted;
    int64_t given = wanted < control->room_bytes ? wanted : control->room_bytes;
    control->room_bytes -= given;
    return given;
}

#define LOCK() pthread_mutex_lock(&mutex)
#define UNLOCK() do { int saved = errno; pthread_mutex_unlock(&mutex); errno = saved; } while (0)

/* Opening */

/* Bytes of a file from `from` on. Another descriptor is used only where this one cannot read: closing it would drop
   the locks that SQLite holds, which opens for reading and writing. */
static void *old_bytes(int fd, const char *full, off_t from, size_t length) {
    char link[64], *bytes = malloc(length ? length : 1);
    if (!bytes) die("no memory");
    if (!length) return bytes;
    if (fd >= 0 && real_pread(fd, bytes, length, from) == (ssize_t)length) return bytes;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int other = real_openat(AT_FDCWD, fd >= 0 ? link : full, O_RDONLY | O_CLOEXEC);
    if (other < 0 || real_pread(other, bytes, length, from) != (ssize_t)length) die("old bytes cannot be read");
    real_close(other);
    return bytes;
}

static void log_truncation(int fd, const char *full, const struct stat *facts, off_t size) {
    size_t lost = facts->st_size > size ? (size_t)(facts->st_size - size) : 0;
    char *old = old_bytes(fd, full, size, lost);
    if (lost && !old[0] && !memcmp(old, old + 1, lost - 1)) lost = 0; /* zeros come back by themselves */
    log_change(TRUNCATE, facts->st_ino, 0, size, 0, facts->st_size, NULL, NULL, old, lost);
    free(old);
}

static int open_inside(int folder, const char *path, const char *name, int flags, mode_t mode) {
    struct stat facts;
    unsigned how = 0;
    LOCK();
    int exists = !fstatat(folder, path, &facts, 0);
    int creates = (flags & O_CREAT) && !exists;
    int truncates = exists && (flags & O_TRUNC) && !(flags & O_EXCL) && S_ISREG(facts.st_mode);
    int for_writing = (flags & O_ACCMODE) != O_RDONLY;
    if ((for_writing || creates || truncates) && control->read_only) { errno = EROFS; goto failed; }
    if (creates || truncates) {
        how = count_change();
        if (refused()) goto failed;
    }
    if (truncates && !is_memory(name)) {
        char full[PATH_MAX + PATH_MAX];
        snprintf(full, sizeof full, "%s/%s", roots[1], name);
        log_truncation(-1, full, &facts, 0);
    }
    int fd = real_openat(folder, path, flags, mode);
    if (fd < 0) goto failed;
    if (truncates) give_room(facts.st_size);
    if (fd < FILES && !fstat(fd, &facts)) {
        table[fd].ino = facts.st_ino;
        table[fd].appends = !!(flags & O_APPEND);
        table[fd].kind = S_ISDIR(facts.st_mode) ? FOLDER : !S_ISREG(facts.st_mode) ? NONE : is_memory(name) ? MEMORY : FILE_;
        if (creates) log_change(CREATE, facts.st_ino, 0, 0, 0, 0, name, NULL, NULL, 0);
    }
    if (how) end_here();
    UNLOCK();
    return fd;
failed:
    UNLOCK();
    return -1;
}

static int open_any(int folder, const char *path, int flags, mode_t mode) {
    char space[PATH_MAX];
    ready();
    const char *name = (flags & O_TMPFILE) == O_TMPFILE ? NULL : inside(folder, path, space);
    return name ? open_inside(folder, path, name, flags, mode) : real_openat(folder, path, flags, mode);
}

#define MODE_OF(flags, mode) mode_t mode = 0; do { if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } } while (0)

int open(const char *path, int flags, ...) { MODE_OF(flags, mode); return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags, mode); return open_any(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE_OF(flags, mode); return open_any(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE_OF(flags, mode); return open_any(folder, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int __open_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags, 0); }
int __openat_2(int folder, const char *path, int flags) { return open_any(folder, path, flags, 0); }
int __openat64_2(int folder, const char *path, int flags) { return open_any(folder, path, flags, 0); }

int close(int fd) {
    ready();
    struct entry *entry = tracked(fd);
    if (entry) entry->kind = NONE;
    return real_close(fd);
}

static int copied(int old, int fd) {
    if (fd < 0 || fd == old) return fd;
    struct entry *from = tracked(old);
    if (from && fd < FILES) table[fd] = *from;
    return fd;
}
int dup(int old) { ready(); return copied(old, real_dup(old)); }
int dup2(int old, int fd) {
    ready();
    struct entry *entry = old == fd ? NULL : tracked(fd);
    if (entry) entry->kind = NONE;
    return copied(old, real_dup2(old, fd));
}
int dup3(int old, int fd, int flags) {
    ready();
    struct entry *entry = old == fd ? NULL : tracked(fd);
    if (entry) entry->kind = NONE;
    return copied(old, real_dup3(old, fd, flags));
}

/* Writing */

static ssize_t put(int fd, struct entry *entry, const void *bytes, size_t length, off_t at) {
    struct stat facts;
    void *garbled = NULL;
    ssize_t done = -1;
    LOCK();
    unsigned how = count_change();
    if (refused() || fstat(fd, &facts)) goto out;
    off_t offset = at >= 0 && !entry->appends ? at : entry->appends ? facts.st_size : lseek(fd, 0, SEEK_CUR);
    int64_t growth = offset + (int64_t)length - facts.st_size;
    int64_t given = take_room(growth);
    if (growth > 0 && given < growth) {
        int64_t fits = (int64_t)length - (growth - given);
        if (fits <= 0) { give_room(given); errno = ENOSPC; goto out; }
        length = (size_t)fits;
    }
    if (entry->kind == FILE_) {
        int64_t overlap = facts.st_size - offset;
        if (overlap < 0) overlap = 0;
        if (overlap > (int64_t)length) overlap = (int64_t)length;
        void *old = old_bytes(fd, NULL, offset, (size_t)overlap);
        log_change(WRITE, entry->ino, 0, offset, (int64_t)length, facts.st_size, NULL, NULL, old, (size_t)overlap);
        free(old);
    }
    if (length && entry->kind == FILE_ && falls(control->garbled_pct)) {
        if (!(garbled = malloc(length))) die("no memory");
        memcpy(garbled, bytes, length);
        ((char *)garbled)[length / 2] ^= 0x5a;
        bytes = garbled;
    }
    if (how == 1) length /= 2;
    done = at >= 0 ? real_pwrite(fd, bytes, length, at) : real_write(fd, bytes, length);
    if (how) end_here();
out:
    free(garbled);
    UNLOCK();
    return done;
}

static ssize_t put_all(int fd, struct entry *entry, const struct iovec *parts, int count, off_t at) {
    size_t whole = 0, filled = 0;
    for (int i = 0; i < count; i++) whole += parts[i].iov_len;
    char *bytes = malloc(whole ? whole : 1);
    if (!bytes) die("no memory");
    for (int i = 0; i < count; i++) { memcpy(bytes + filled, parts[i].iov_base, parts[i].iov_len); filled += parts[i].iov_len; }
    ssize_t done = put(fd, entry, bytes, whole, at);
    free(bytes);
    return done;
}

static inline struct entry *written(int fd) {
    ready();
    struct entry *entry = tracked(fd);
    return entry && entry->kind != FOLDER ? entry : NULL;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    struct entry *entry = written(fd);
    return entry ? put(fd, entry, bytes, length, -1) : real_write(fd, bytes, length);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    struct entry *entry = written(fd);
    return entry ? put(fd, entry, bytes, length, at) : real_pwrite(fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return pwrite(fd, bytes, length, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct entry *entry = written(fd);
    return entry ? put_all(fd, entry, parts, count, -1) : real_writev(fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    struct entry *entry = written(fd);
    return entry ? put_all(fd, entry, parts, count, at) : real_pwritev(fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return pwritev(fd, parts, count, at); }
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    struct entry *entry = written(fd);
    return entry ? put_all(fd, entry, parts, count, at) : real_pwritev2(fd, parts, count, at, flags);
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t at, int flags) { return pwritev2(fd, parts, count, at, flags); }
ssize_t sendfile(int to, int from, off_t *at, size_t count) {
    if (written(to)) { errno = ENOTSOCK; return -1; }
    return real_sendfile(to, from, at, count);
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t count) { return sendfile(to, from, at, count); }
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t count, unsigned flags) {
    if (written(to)) { errno = EXDEV; return -1; }
    return real_copy_file_range(from, from_at, to, to_at, count, flags);
}

/* Reading: only so that it can fail */

static inline int read_fails(int fd) {
    ready();
    struct entry *entry = (unsigned)fd < FILES && table[fd].kind == FILE_ && control->read_errors_pct ? tracked(fd) : NULL;
    if (!entry) return 0;
    LOCK();
    int fails = falls(control->read_errors_pct);
    UNLOCK();
    if (fails) errno = EIO;
    return fails;
}
ssize_t read(int fd, void *bytes, size_t length) { return read_fails(fd) ? -1 : real_read(fd, bytes, length); }
ssize_t pread(int fd, void *bytes, size_t length, off_t at) { return read_fails(fd) ? -1 : real_pread(fd, bytes, length, at); }
ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) { return pread(fd, bytes, length, at); }

/* Sizes */

static int resize(int fd, const char *full, uint8_t kind, off_t size) {
    struct stat facts;
    int done = -1;
    LOCK();
    unsigned how = count_change();
    if (refused() || (fd >= 0 ? fstat(fd, &facts) : stat(full, &facts))) goto out;
    int64_t growth = size - facts.st_size;
    int64_t given = take_room(growth);
    if (given < growth) { give_room(given); errno = ENOSPC; goto out; }
    if (kind == FILE_) log_truncation(fd, full, &facts, size);
    done = fd >= 0 ? real_ftruncate(fd, size) : real_truncate(full, size);
    if (done == 0 && growth < 0) give_room(-growth);
    if (how) end_here();
out:
    UNLOCK();
    return done;
}

int ftruncate(int fd, off_t size) {
    struct entry *entry = written(fd);
    return entry ? resize(fd, NULL, entry->kind, size) : real_ftruncate(fd, size);
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
int truncate(const char *path, off_t size) {
    char space[PATH_MAX], full[PATH_MAX + PATH_MAX];
    ready();
    const char *name = inside(AT_FDCWD, path, space);
    if (!name) return real_truncate(path, size);
    snprintf(full, sizeof full, "%s/%s", roots[1], name);
    return resize(-1, full, is_memory(name) ? MEMORY : FILE_, size);
}
int truncate64(const char *path, off64_t size) { return truncate(path, size); }

/* Room that is reserved is zeros at the end, which is all that the programs here want of it. */
static int reserve(int fd, struct entry *entry, off_t at, off_t length) {
    struct stat facts;
    int done = -1;
    LOCK();
    unsigned how = count_change();
    if (refused() || fstat(fd, &facts)) goto out;
    off_t end = at + length;
    int64_t growth = end - facts.st_size, given = take_room(growth);
    if (given < growth) { give_room(given); errno = ENOSPC; goto out; }
    if (growth > 0 && entry->kind == FILE_) log_truncation(fd, NULL, &facts, end);
    int error = real_posix_fallocate(fd, at, length);
    if (error) errno = error; else done = 0;
    if (how) end_here();
out:
    UNLOCK();
    return done;
}
int fallocate(int fd, int mode, off_t at, off_t length) {
    struct entry *entry = written(fd);
    if (!entry) return real_fallocate(fd, mode, at, length);
    if (mode) { errno = EOPNOTSUPP; return -1; }
    return reserve(fd, entry, at, length);
}
int fallocate64(int fd, int mode, off64_t at, off64_t length) { return fallocate(fd, mode, at, length); }
int posix_fallocate(int fd, off_t at, off_t length) {
    struct entry *entry = written(fd);
    if (!entry) return real_posix_fallocate(fd, at, length);
    return reserve(fd, entry, at, length) ? errno : 0;
}
int posix_fallocate64(int fd, off64_t at, off64_t length) { return posix_fallocate(fd, at, length); }

/* Bringing to the card */

static int bring(int fd, struct entry *entry, int (*real)(int)) {
    LOCK();
    unsigned how = count_change();
    uint64_t covers = log_size, generation = log_generation, ino = entry->ino;
    enum op op = entry->kind == FOLDER ? SYNC_NAMES : SYNC_FILE;
    uint32_t slow_ms = control->slow_sync_ms;
    int fails = refused();
    UNLOCK();
    if (fails) return -1;
    if (slow_ms) {
        struct timespec pause_ = {slow_ms / 1000, (long)(slow_ms % 1000) * 1000000};
        nanosleep(&pause_, NULL);
    }
    int done = control->skips_sync ? 0 : real(fd);
    LOCK();
    if (how == 1) end_here();
    if (done == 0 && generation == log_generation && entry->kind != MEMORY) {
        log_change(op, ino, covers, 0, 0, 0, NULL, NULL, NULL, 0);
        if (op == SYNC_NAMES) forget_kept(covers);
    }
    if (how) end_here();
    UNLOCK();
    return done;
}

int fsync(int fd) {
    ready();
    struct entry *entry = tracked(fd);
    return entry ? bring(fd, entry, real_fsync) : real_fsync(fd);
}
int fdatasync(int fd) {
    ready();
    struct entry *entry = tracked(fd);
    return entry ? bring(fd, entry, real_fdatasync) : real_fdatasync(fd);
}
static void bring_all(void) {
    if (!control || getpid() != owner) return;
    LOCK();
    count_change();
    log_change(SYNC_ALL, 0, log_size, 0, 0, 0, NULL, NULL, NULL, 0);
    forget_kept(log_size);
    UNLOCK();
}
void sync(void) { ready(); real_sync(); bring_all(); }
int syncfs(int fd) { ready(); int done = real_syncfs(fd); if (!done && tracked(fd)) bring_all(); return done; }

/* Names */

static int rename_inside(int from_folder, const char *from, const char *name, int to_folder, const char *to,
                         const char *new_name, unsigned flags) {
    struct stat facts, replaced;
    int done = -1;
    LOCK();
    unsigned how = count_change();
    if (refused() || fstatat(from_folder, from, &facts, AT_SYMLINK_NOFOLLOW)) goto out;
    int replaces = !(flags & RENAME_NOREPLACE) && !fstatat(to_folder, to, &replaced, AT_SYMLINK_NOFOLLOW)
        && S_ISREG(replaced.st_mode) && replaced.st_ino != facts.st_ino;
    if (replaces) {
        char full[PATH_MAX + PATH_MAX];
        snprintf(full, sizeof full, "%s/%s", roots[1], new_name);
        keep(full, &replaced);
    }
    log_change(RENAME, facts.st_ino, replaces ? replaced.st_ino : 0, 0, 0, 0, name, new_name, NULL, 0);
    done = real_renameat2(from_folder, from, to_folder, to, flags);
    if (done == 0 && replaces) give_room(replaced.st_size);
    if (how) end_here();
out:
    UNLOCK();
    return done;
}

static int rename_any(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char space[PATH_MAX], space2[PATH_MAX];
    ready();
    const char *name = inside(from_folder, from, space), *new_name = inside(to_folder, to, space2);
    if (!name && !new_name) return real_renameat2(from_folder, from, to_folder, to, flags);
    if (!name || !new_name) { errno = EXDEV; return -1; } /* another card: callers copy */
    return rename_inside(from_folder, from, name, to_folder, to, new_name, flags);
}
int rename(const char *from, const char *to) { return rename_any(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_folder, const char *from, int to_folder, const char *to) { return rename_any(from_folder, from, to_folder, to, 0); }
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) { return rename_any(from_folder, from, to_folder, to, flags); }

static int remove_any(int folder, const char *path, int flags) {
    char space[PATH_MAX], full[PATH_MAX + PATH_MAX];
    struct stat facts;
    int done = -1;
    ready();
    const char *name = inside(folder, path, space);
    if (!name) return real_unlinkat(folder, path, flags);
    LOCK();
    unsigned how = count_change();
    if (refused() || fstatat(folder, path, &facts, AT_SYMLINK_NOFOLLOW)) goto out;
    if (flags & AT_REMOVEDIR) log_change(RMDIR, facts.st_ino, 0, 0, 0, 0, name, NULL, NULL, 0);
    else if (S_ISREG(facts.st_mode)) {
        snprintf(full, sizeof full, "%s/%s", roots[1], name);
        keep(full, &facts);
        log_change(UNLINK, facts.st_ino, 0, 0, 0, 0, name, NULL, NULL, 0);
    }
    done = real_unlinkat(folder, path, flags);
    if (done == 0 && S_ISREG(facts.st_mode) && facts.st_nlink == 1) give_room(facts.st_size);
    if (how) end_here();
out:
    UNLOCK();
    return done;
}
int unlinkat(int folder, const char *path, int flags) { return remove_any(folder, path, flags); }
int unlink(const char *path) { return remove_any(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return remove_any(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    struct stat facts;
    if (lstat(path, &facts)) return -1;
    return remove_any(AT_FDCWD, path, S_ISDIR(facts.st_mode) ? AT_REMOVEDIR : 0);
}

int mkdirat(int folder, const char *path, mode_t mode) {
    char space[PATH_MAX];
    ready();
    const char *name = inside(folder, path, space);
    if (!name || !*name) return real_mkdirat(folder, path, mode);
    LOCK();
    unsigned how = count_change();
    int done = refused() ? -1 : real_mkdirat(folder, path, mode);
    if (done == 0) log_change(MKDIR, 0, 0, 0, 0, 0, name, NULL, NULL, 0);
    if (how) end_here();
    UNLOCK();
    return done;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char space[PATH_MAX], space2[PATH_MAX];
    struct stat facts;
    ready();
    const char *name = inside(from_folder, from, space), *new_name = inside(to_folder, to, space2);
    if (!name && !new_name) return real_linkat(from_folder, from, to_folder, to, flags);
    if (!name || !new_name) { errno = EXDEV; return -1; }
    LOCK();
    unsigned how = count_change();
    int done = refused() ? -1 : real_linkat(from_folder, from, to_folder, to, flags);
    if (done == 0 && !fstatat(to_folder, to, &facts, AT_SYMLINK_NOFOLLOW))
        log_change(LINK, facts.st_ino, 0, 0, 0, 0, new_name, NULL, NULL, 0);
    if (how) end_here();
    UNLOCK();
    return done;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

/* How full it is */

static void adjust(struct statvfs *facts) {
    if (control->room_bytes >= 0) {
        fsblkcnt_t left = (fsblkcnt_t)control->room_bytes / facts->f_frsize;
        if (left < facts->f_bavail) facts->f_bavail = left;
        if (left < facts->f_bfree) facts->f_bfree = left;
    }
    if (control->read_only) facts->f_flag |= ST_RDONLY;
}
int statvfs(const char *path, struct statvfs *facts) {
    char space[PATH_MAX];
    ready();
    int done = real_statvfs(path, facts);
    if (!done && inside(AT_FDCWD, path, space)) adjust(facts);
    return done;
}
int statvfs64(const char *path, struct statvfs64 *facts) { return statvfs(path, (struct statvfs *)facts); }
int fstatvfs(int fd, struct statvfs *facts) {
    ready();
    int done = real_fstatvfs(fd, facts);
    if (!done && tracked(fd)) adjust(facts);
    return done;
}
int fstatvfs64(int fd, struct statvfs64 *facts) { return fstatvfs(fd, (struct statvfs *)facts); }
