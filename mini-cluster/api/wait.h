/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that wait for the commit of what they saw or did. */
#ifndef API_WAIT_H
#define API_WAIT_H

struct api;
struct api_response;

/* Takes the response's parts (it is zero after), and calls done with them once the present stage is
 * committed; with a 503 when it could not be. */
void api_wait(struct api *api, struct api_response *res,
              void (*done)(void *arg, struct api_response *res), void *arg);
/* Forgets all of them: the room closes. */
void api_wait_end(struct api *api);

#endif
