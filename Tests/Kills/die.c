/* Ends the process, as a power cut would, just before its n-th change of a name in the file system.
 *
 * Preloaded (LD_PRELOAD). DIE_CALLS names the calls that count: "rename", or "all" for rename, link, unlink, rmdir and mkdir
 * too. DIE_AT is n, counted from 1; 0 lets the process live. DIE_COUNT names a file that gets the number of calls made.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long calls;

static void count(int isRename) {
    const char *which = getenv("DIE_CALLS");
    if (!isRename && !(which && strcmp(which, "all") == 0)) return;
    const char *at = getenv("DIE_AT");
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (at && number == atol(at)) kill(getpid(), SIGKILL);
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

int rename(const char *from, const char *to) {
    count(1);
    return REAL("rename", int (*)(const char *, const char *))(from, to);
}

int renameat(int a, const char *from, int b, const char *to) {
    count(1);
    return REAL("renameat", int (*)(int, const char *, int, const char *))(a, from, b, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned int flags) {
    count(1);
    return REAL("renameat2", int (*)(int, const char *, int, const char *, unsigned int))(a, from, b, to, flags);
}

int link(const char *from, const char *to) {
    count(0);
    return REAL("link", int (*)(const char *, const char *))(from, to);
}

int unlink(const char *path) {
    count(0);
    return REAL("unlink", int (*)(const char *))(path);
}

int unlinkat(int folder, const char *path, int flags) {
    count(0);
    return REAL("unlinkat", int (*)(int, const char *, int))(folder, path, flags);
}

int rmdir(const char *path) {
    count(0);
    return REAL("rmdir", int (*)(const char *))(path);
}

int mkdir(const char *path, mode_t mode) {
    count(0);
    return REAL("mkdir", int (*)(const char *, mode_t))(path, mode);
}

__attribute__((destructor)) static void report(void) {
    const char *file = getenv("DIE_COUNT");
    if (!file) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", atomic_load(&calls));
    int descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (descriptor < 0) return;
    if (write(descriptor, text, (size_t)length) < 0) unlink(file);
    close(descriptor);
}
