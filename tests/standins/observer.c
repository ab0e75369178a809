/* Stands between the program and the C library, for two questions that only it can answer: whom does it call (every name that
   is looked up and every address that is connected to, in $OBSERVER/calls), and what of its log would a power cut leave (of
   each file of the database what was there when it was last brought to the disk, in $OBSERVER/disk).
   Loaded by LD_PRELOAD, built by the tests that use it; nothing here ships. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void place(char *path, size_t size, const char *folder, const char *name) {
    snprintf(path, size, "%s/%s%s", getenv("OBSERVER"), folder, name);
}

static void note(const char *line) {
    char path[4096];
    place(path, sizeof path, "", "calls");
    int out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0 || write(out, line, strlen(line)) < 0) abort();
    close(out);
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    char text[256] = "?", line[512];
    unsigned port = 0;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const void *)address;
        inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
        port = ntohs(four->sin_port);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)address;
        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
        port = ntohs(six->sin6_port);
    } else if (address->sa_family == AF_UNIX) {
        const struct sockaddr_un *local = (const void *)address;
        snprintf(text, sizeof text, "unix %.100s", local->sun_path[0] ? local->sun_path : local->sun_path + 1);
    }
    snprintf(line, sizeof line, "%s %u\n", text, port);
    note(line);
    return REAL(connect)(fd, address, length);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    char line[512];
    snprintf(line, sizeof line, "name %.200s\n", name ? name : "-");
    note(line);
    return REAL(getaddrinfo)(name, service, hints, found);
}

/* Copies the file before it is brought to the disk, and counts the copy when that is done. */
static int bring(int fd, int (*to_disk)(int)) {
    char link[64], path[4096], copy[4096], kept[4096], bytes[65536];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return to_disk(fd);
    path[length] = 0;
    const char *name = strrchr(path, '/');
    if (!name || strncmp(name, "/agentport.db", 13) != 0) return to_disk(fd);
    char own[64];
    snprintf(own, sizeof own, ".%d", gettid());
    place(copy, sizeof copy, "disk", name);
    strcpy(kept, copy);
    strcat(copy, own);
    int out = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) abort();
    ssize_t read;
    for (off_t at = 0; (read = pread(fd, bytes, sizeof bytes, at)) > 0; at += read)
        if (write(out, bytes, (size_t)read) != read) abort();
    close(out);
    int result = to_disk(fd);
    if (result == 0 && rename(copy, kept) != 0) abort();
    return result;
}

int fdatasync(int fd) { return bring(fd, REAL(fdatasync)); }

int fsync(int fd) { return bring(fd, REAL(fsync)); }
