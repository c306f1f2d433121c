/* SPDX-License-Identifier: Apache-2.0 */
/* One file per subcommand of mini-cluster; main.c holds the table. Exit status: 0 done, 1 failed, 2
 * usage. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#define CMD_VERSION "0.1.0"

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand */
};

int cmd_clock(int argc, char **argv);
int cmd_down(int argc, char **argv);
int cmd_host(int argc, char **argv);
/* host env: argv[0] is "env". */
int cmd_host_env(int argc, char **argv);
int cmd_image(int argc, char **argv);
int cmd_kubeconfig(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_up(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
