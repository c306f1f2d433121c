/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the labs, and the one that a word means. */
#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "loader/loader.h"

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The labs stand beside the folder that the program was built in (build/podlab, build/asan/podlab),
 * or where it was installed (PREFIX/bin/podlab, PREFIX/share/podlab/labs). */
static char *beside_program(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n <= 0) {
        return NULL;
    }
    path[n] = '\0';
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr(path, '/');
        if (slash == NULL) {
            return NULL;
        }
        *slash = '\0';
        cleanup_free char *labs = xasprintf("%s/labs", path);
        cleanup_free char *shared = xasprintf("%s/share/podlab/labs", path);
        if (is_dir(labs) || is_dir(shared)) {
            return is_dir(labs) ? steal(labs) : steal(shared);
        }
    }
    return NULL;
}

char *loader_root(void)
{
    const char *named = getenv("PODLAB_LABS");
    if (named != NULL && named[0] != '\0') {
        return xstrdup(named);
    }
    return beside_program();
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **loader_list(const char *root)
{
    VEC(char *) found = {0};
    DIR *dir = opendir(root);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        cleanup_free char *file = xasprintf("%s/%s/lab.yaml", root, e->d_name);
        if (e->d_name[0] != '.' && access(file, F_OK) == 0) {
            vec_push(&found, xstrdup(e->d_name));
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (found.n > 1) {
        qsort(found.v, found.n, sizeof(found.v[0]), by_name);
    }
    vec_push(&found, NULL);
    return found.v;
}

static char *choose(char **ids, const char *word, struct str *known)
{
    char *chosen = NULL;
    size_t n = 0;
    for (size_t i = 0; ids[i] != NULL; i++) {
        str_add_f(known, "%s%s", i > 0 ? ", " : "", ids[i]);
        if (str_has_prefix(ids[i], word)) {
            n++;
            chosen = ids[i];
        }
        if (strcmp(ids[i], word) == 0) {
            return ids[i];
        }
    }
    return n == 1 ? chosen : NULL;
}

int loader_find(const char *word, char **ret, struct err *err)
{
    if (strchr(word, '/') != NULL || strcmp(word, ".") == 0) {
        *ret = xstrdup(word);
        return 0;
    }
    cleanup_free char *root = loader_root();
    if (root == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "no labs are installed; PODLAB_LABS may name the folder that holds them");
    }
    char **ids = loader_list(root);
    cleanup_str struct str known = STR_INIT;
    const char *id = choose(ids, word, &known);
    int rc = 0;
    if (id != NULL) {
        *ret = xasprintf("%s/%s", root, id);
    } else {
        rc = err_set(err, ERR_NOT_FOUND, "there is no one lab \"%s\"; there are: %s", word,
                     str_c(&known));
    }
    for (size_t i = 0; ids[i] != NULL; i++) {
        free(ids[i]);
    }
    free(ids);
    return rc;
}
