/*
 * Faults from below a program: preloaded into it, told what to do through a file that the test maps as well (FaultBox.cs mirrors `orders`).
 * Clocks jump, syncs fail, memory is refused, and the process dies right before a chosen step towards durability. Without orders every call passes through.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct orders {
    volatile int64_t wall_ns;    /* Added to the wall clock. */
    volatile int64_t steady_ns;  /* Added to the monotonic clocks. */
    volatile int64_t die_at;     /* The process is killed before this durable step, counted from 1; 0 never. */
    volatile int64_t steps;      /* Durable steps so far: syncs and renames of files whose path holds `path`. */
    volatile int64_t sync_errno; /* What syncs of those files fail with; 0 for none. */
    volatile int64_t failed;     /* Syncs that failed by order. */
    volatile int64_t bytes_max;  /* Larger pieces of memory are refused; 0 for none. */
    char path[200];
};

static struct orders calm;
static struct orders *orders = &calm;

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_gettimeofday)(struct timeval *restrict, void *restrict);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static int (*real_mprotect)(void *, size_t, int);
static int (*real_timedwait)(pthread_cond_t *restrict, pthread_mutex_t *restrict, const struct timespec *restrict);

static void *find(const char *name) { return dlsym(RTLD_NEXT, name); }

/* Called by the first of our functions as well: the loader itself asks for the time before constructors run. */
__attribute__((constructor)) static void start(void) {
    if (real_timedwait) return;
    real_clock_gettime = find("clock_gettime");
    real_gettimeofday = find("gettimeofday");
    real_fsync = find("fsync");
    real_fdatasync = find("fdatasync");
    real_rename = find("rename");
    real_posix_memalign = find("posix_memalign");
    real_mmap = find("mmap");
    real_mprotect = find("mprotect");
    const char *file = getenv("VAE_TEST_FAULTS");
    int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *map = real_mmap(0, sizeof(struct orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) orders = map;
        close(fd);
    }
    /* The oldest symbol of this name takes another kind of condition. */
    real_timedwait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!real_timedwait) real_timedwait = find("pthread_cond_timedwait");
}

static void shift(struct timespec *t, int64_t ns) {
    int64_t at = (int64_t)t->tv_sec * 1000000000 + t->tv_nsec + ns;
    t->tv_sec = at / 1000000000;
    t->tv_nsec = at % 1000000000;
}

static int is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

static int is_steady(clockid_t clock) {
    return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
    start();
    int status = real_clock_gettime(clock, t);
    if (status == 0) shift(t, is_wall(clock) ? orders->wall_ns : is_steady(clock) ? orders->steady_ns : 0);
    return status;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    start();
    int status = real_gettimeofday(t, zone);
    if (status == 0) t->tv_sec += orders->wall_ns / 1000000000;
    return status;
}

time_t time(time_t *out) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out) *out = t.tv_sec;
    return t.tv_sec;
}

/* The kernel waits by its own clock: a deadline made from ours is put back, or every wait would last as long as the jump. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
    start();
    struct timespec t = *until;
    const int64_t wall_begins = 1000000000; /* No machine is up for 30 years. */
    shift(&t, t.tv_sec > wall_begins ? -orders->wall_ns : -orders->steady_ns);
    return real_timedwait(condition, mutex, &t);
}

static int is_meant(const char *path) { return orders->path[0] && strstr(path, orders->path) != 0; }

static void step(void) {
    if (__atomic_add_fetch(&orders->steps, 1, __ATOMIC_SEQ_CST) == orders->die_at) kill(getpid(), SIGKILL);
}

static int sync_of(int fd, int (*real)(int)) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    if (!is_meant(path)) return real(fd);
    step();
    if (orders->sync_errno == 0) return real(fd);
    __atomic_add_fetch(&orders->failed, 1, __ATOMIC_SEQ_CST);
    errno = (int)orders->sync_errno;
    return -1;
}

int fsync(int fd) { start(); return sync_of(fd, real_fsync); }

int fdatasync(int fd) { start(); return sync_of(fd, real_fdatasync); }

int rename(const char *from, const char *to) {
    start();
    if (is_meant(to)) step();
    return real_rename(from, to);
}

static int is_too_much(size_t bytes) { return orders->bytes_max != 0 && bytes > (size_t)orders->bytes_max; }

/* What tensors are made of where their heap cannot grow. */
int posix_memalign(void **out, size_t alignment, size_t bytes) {
    start();
    return is_too_much(bytes) ? ENOMEM : real_posix_memalign(out, alignment, bytes);
}

/* What flat buffers are made of. Address space alone (PROT_NONE) costs nothing: the runtime reserves plenty. */
void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset) {
    start();
    if (!(protection & PROT_WRITE) || !(flags & MAP_ANONYMOUS) || !is_too_much(bytes)) return real_mmap(address, bytes, protection, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

/* How the heaps of tensors grow: what they have reserved is opened piece by piece. */
int mprotect(void *address, size_t bytes, int protection) {
    start();
    if (!(protection & PROT_WRITE) || !is_too_much(bytes)) return real_mprotect(address, bytes, protection);
    errno = ENOMEM;
    return -1;
}
