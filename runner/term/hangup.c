/* SPDX-License-Identifier: Apache-2.0 */
/* A bash that is hung up while it starts a program does not know that program yet, and the terminal
 * does not have it in the foreground yet: only the session still ties them together. Between fork
 * and exec even the signal itself is lost, hence more than one. */
#include "term/hangup.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 10, PAUSE_MS = 10 };

/* The session of a process, from "PID (NAME) STATE PPID PGRP SESSION ..."; 0 when it is gone. */
static pid_t session_of(const char *pid)
{
    char path[64];
    char line[512];
    int session = 0;
    snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    size_t n = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[n] = '\0';
    const char *name_end = strrchr(line, ')'); /* a name may hold anything */
    if (name_end == NULL || sscanf(name_end + 1, " %*c %*d %*d %d", &session) != 1) {
        return 0;
    }
    return session;
}

/* How many there were. */
static int hang_up_once(pid_t session)
{
    int found = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        pid_t pid = atoi(e->d_name);
        if (pid > 0 && session_of(e->d_name) == session) {
            found++;
            kill(pid, SIGHUP);
            kill(pid, SIGCONT);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return found;
}

void hangup_session(pid_t session)
{
    for (int i = 0; i < TRIES && hang_up_once(session) > 0; i++) {
        poll(NULL, 0, PAUSE_MS);
    }
}
