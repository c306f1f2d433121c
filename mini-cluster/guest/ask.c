/* SPDX-License-Identifier: Apache-2.0 */
/* Small questions that a shell or `kubectl cp` asks of a container, and a signal. */
#include "guest/guest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int id_main(int argc, char **argv)
{
    printf("uid=%u gid=%u\n", (unsigned)getuid(), (unsigned)getgid());
    return 0;
}

int hostname_main(int argc, char **argv)
{
    char name[256] = "";
    gethostname(name, sizeof(name) - 1);
    printf("%s\n", guest_env("HOSTNAME", name));
    return 0;
}

/* test -d|-f|-e PATH */
int test_main(int argc, char **argv)
{
    struct stat st;
    if (argc != 2 || strlen(argv[0]) != 2 || argv[0][0] != '-') {
        return 2;
    }
    if (stat(guest_path(argv[1]), &st) < 0) {
        return 1;
    }
    switch (argv[0][1]) {
    case 'd':
        return !S_ISDIR(st.st_mode);
    case 'f':
        return !S_ISREG(st.st_mode);
    case 'e':
        return 0;
    default:
        return 2;
    }
}

static int signal_of(const char *word)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"KILL", SIGKILL}, {"QUIT", SIGQUIT},
                   {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};
    word += strncmp(word, "SIG", 3) == 0 ? 3 : 0;
    for (size_t i = 0; i < LEN(signals); i++) {
        if (strcmp(signals[i].name, word) == 0) {
            return signals[i].number;
        }
    }
    return atoi(word);
}

/* The process of this number in the container; 0: there is none. Where the processes are those of
 * the whole machine, 1 is the container's own, and no other may be meant. */
static pid_t process_of(const char *word)
{
    const char *main_pid = guest_env("PODLAB_MAIN", "0");
    if (guest_env("PODLAB_ROOT", NULL) == NULL) {
        return (pid_t)atoi(word);
    }
    return strcmp(word, "1") == 0 ? (pid_t)atoi(main_pid) : 0;
}

/* kill [-SIGNAL] PID... */
int kill_main(int argc, char **argv)
{
    bool given = argc > 1 && argv[0][0] == '-';
    int sig = given ? signal_of(argv[0] + 1) : SIGTERM;
    int rc = argc > (given ? 1 : 0) ? 0 : 2;
    for (int i = given ? 1 : 0; i < argc; i++) {
        pid_t pid = process_of(argv[i]);
        errno = pid == 0 ? ESRCH : EINVAL;
        if (pid == 0 || sig <= 0 || kill(pid, sig) < 0) {
            fprintf(stderr, "kill: %s: %s\n", argv[i], strerror(errno));
            rc = 1;
        }
    }
    return rc;
}
