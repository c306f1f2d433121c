/* SPDX-License-Identifier: Apache-2.0 */
/* Which names of images a host has. Names are whole ("busybox:latest"), as image_name_text makes
 * them. */
#ifndef HOSTS_DOCK_DOCK_TAGS_H
#define HOSTS_DOCK_DOCK_TAGS_H

#include <stdbool.h>

#include <jansson.h>

struct dock;
struct dock_box;

/* One of those that podlab brings along, for learners' use. */
bool dock_tags_bundled(const char *name);
/* The host's own: the id it stands for (the caller frees); NULL when there is none. */
char *dock_tags_id(const struct dock *d, const char *name);
bool dock_tags_has(const struct dock *d, const char *name);
void dock_tags_put(struct dock *d, const char *name, const char *id);
void dock_tags_delete(struct dock *d, const char *name);
/* All names that this host has for an image, as the daemon describes it (Id, RepoTags); the caller
 * owns the array. */
json_t *dock_tags_of(const struct dock *d, const json_t *image);
/* A container that was made under this name; NULL. */
const struct dock_box *dock_tags_user(const struct dock *d, const char *name);

#endif
