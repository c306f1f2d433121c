/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the store takes objects: puts of 3.5 KB in ticks of 100 on a real disk, and the time
 * that a tick's end holds the loop. Arguments: a folder, and how many objects. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "store/store.h"

enum { PER_TICK = 100, ROUNDS_MAX = 20000 };

struct bench {
    struct loop *loop;
    struct store *s;
    json_t *template;
    long left, made, objects;
    bool done;
    double begun[ROUNDS_MAX], took[ROUNDS_MAX]; /* of the ends of ticks, in ms */
    long rounds;
    double making; /* ms spent on the objects themselves: whoever puts them pays for that */
};

static double now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static const char pod_text[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-7d4b9c6f5d-x2x9k\",\"g"
    "enerateName\":\"web-7d4b9c6f5d-\",\"namespace\":\"default\",\"uid\":\"0b5a4b8e-7a44-4b"
    "7e-8a52-7a4f2f7d9c11\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\",\"labels\":{\""
    "app\":\"web\",\"pod-template-hash\":\"7d4b9c6f5d\",\"tier\":\"front\"},\"annotations\":{\""
    "kubectl.kubernetes.io/restartedAt\":\"2026-01-01T00:00:00Z\",\"example.com/note\""
    ":\"a note of some length that says why this pod is here\"},\"ownerReferences\":["
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"web-7d4b9c6f5d\",\"uid\":\"9"
    "b0b2b63-9e0a-4a83-8d75-3a2d4a1c9d10\",\"controller\":true,\"blockOwnerDeletion\":"
    "true}]},\"spec\":{\"volumes\":[{\"name\":\"kube-api-access-abcde\",\"projected\":{\"sou"
    "rces\":[{\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}},{\"c"
    "onfigMap\":{\"name\":\"kube-root-ca.crt\",\"items\":[{\"key\":\"ca.crt\",\"path\":\"ca.crt"
    "\"}]}},{\"downwardAPI\":{\"items\":[{\"path\":\"namespace\",\"fieldRef\":{\"apiVersion\":"
    "\"v1\",\"fieldPath\":\"metadata.namespace\"}}]}}],\"defaultMode\":420}}],\"containers"
    "\":[{\"name\":\"web\",\"image\":\"podlab/web:v1\",\"ports\":[{\"name\":\"http\",\"containerP"
    "ort\":8080,\"protocol\":\"TCP\"}],\"env\":[{\"name\":\"GREETING\",\"value\":\"hello from t"
    "he first version of the application\"},{\"name\":\"POD_NAME\",\"valueFrom\":{\"field"
    "Ref\":{\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.name\"}}},{\"name\":\"DATABASE_URL"
    "\",\"value\":\"postgres://app:secret@db.default.svc.cluster.local:5432/app?sslmo"
    "de=disable\"}],\"resources\":{\"limits\":{\"cpu\":\"250m\",\"memory\":\"64Mi\"},\"requests"
    "\":{\"cpu\":\"100m\",\"memory\":\"32Mi\"}},\"volumeMounts\":[{\"name\":\"kube-api-access-a"
    "bcde\",\"readOnly\":true,\"mountPath\":\"/var/run/secrets/kubernetes.io/serviceacc"
    "ount\"}],\"livenessProbe\":{\"httpGet\":{\"path\":\"/healthz\",\"port\":8080,\"scheme\":\""
    "HTTP\"},\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,\"failureTh"
    "reshold\":3},\"readinessProbe\":{\"httpGet\":{\"path\":\"/readyz\",\"port\":8080,\"schem"
    "e\":\"HTTP\"},\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,\"failu"
    "reThreshold\":3},\"terminationMessagePath\":\"/dev/termination-log\",\"termination"
    "MessagePolicy\":\"File\",\"imagePullPolicy\":\"IfNotPresent\"}],\"restartPolicy\":\"Al"
    "ways\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\",\"service"
    "AccountName\":\"default\",\"serviceAccount\":\"default\",\"nodeName\":\"worker-1\",\"sec"
    "urityContext\":{},\"schedulerName\":\"default-scheduler\",\"tolerations\":[{\"key\":\""
    "node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tole"
    "rationSeconds\":300},{\"key\":\"node.kubernetes.io/unreachable\",\"operator\":\"Exis"
    "ts\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300}],\"priority\":0,\"enableServi"
    "ceLinks\":true,\"preemptionPolicy\":\"PreemptLowerPriority\"},\"status\":{\"phase\":\""
    "Running\",\"conditions\":[{\"type\":\"Initialized\",\"status\":\"True\",\"lastProbeTime\""
    ":null,\"lastTransitionTime\":\"2026-01-01T00:00:01Z\"},{\"type\":\"Ready\",\"status\":"
    "\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":\"2026-01-01T00:00:02Z\"},{\"t"
    "ype\":\"ContainersReady\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionT"
    "ime\":\"2026-01-01T00:00:02Z\"},{\"type\":\"PodScheduled\",\"status\":\"True\",\"lastPro"
    "beTime\":null,\"lastTransitionTime\":\"2026-01-01T00:00:01Z\"}],\"hostIP\":\"10.99.0"
    ".11\",\"podIP\":\"10.99.1.17\",\"podIPs\":[{\"ip\":\"10.99.1.17\"}],\"startTime\":\"2026-0"
    "1-01T00:00:01Z\",\"containerStatuses\":[{\"name\":\"web\",\"state\":{\"running\":{\"star"
    "tedAt\":\"2026-01-01T00:00:02Z\"}},\"lastState\":{},\"ready\":true,\"restartCount\":0"
    ",\"image\":\"podlab/web:v1\",\"imageID\":\"docker://sha256:4f0f2f0e5b9b7b4b8a0e6e1f"
    "1d3c9a7e5b2d8c6f4a1e3b5d7c9f0a2b4c6d8e0f\",\"containerID\":\"docker://2f3a4b5c6d"
    "7e8f901a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7081\",\"started\":true}],\"qo"
    "sClass\":\"Burstable\"}}";

static void begin_end(void *arg)
{
    struct bench *b = arg;
    b->begun[b->rounds] = now_ms();
}

static void end_end(void *arg)
{
    struct bench *b = arg;
    if (b->made > 0 && b->rounds < ROUNDS_MAX - 1) {
        b->took[b->rounds] = now_ms() - b->begun[b->rounds];
        b->rounds++;
    }
}

static void put_some(void *arg);

static void committed(void *arg, bool ok, const char *why)
{
    struct bench *b = arg;
    if (!ok) {
        fprintf(stderr, "%s\n", why);
    }
    b->done = b->left == 0;
    if (!b->done) {
        loop_defer(b->loop, put_some, b);
    }
}

static void put_some(void *arg)
{
    struct bench *b = arg;
    for (int i = 0; i < PER_TICK && b->left > 0; i++, b->left--) {
        char name[32], value[32];
        snprintf(name, sizeof(name), "web-%ld", b->made % b->objects);
        snprintf(value, sizeof(value), "%ld", b->made++);
        double from = now_ms();
        json_t *pod = jx_edit(b->template);
        jx_put_str(pod, "metadata.name", name);
        jx_put_str(pod, "metadata.uid", name);
        jx_put_str(pod, "status.podIP", value);
        b->making += now_ms() - from;
        struct store_key key = {"pods", "default", name};
        struct err err;
        if (store_put(b->s, &key, pod, -1, NULL, &err) < 0) {
            fprintf(stderr, "%s\n", err.msg);
        }
    }
    store_on_commit(b->s, committed, b);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(struct bench *b, long n, double ms)
{
    qsort(b->took, (size_t)b->rounds, sizeof(double), compare);
    struct store_stats st;
    store_stats(b->s, &st);
    struct mallinfo2 mi = mallinfo2();
    printf("memory in use %.1f MB\n", (double)(mi.uordblks + mi.hblkhd) / 1e6);
    printf("%ld puts in %.0f ms: %.0f a second; commit p50 %.2f ms, p99 %.2f ms, max %.2f ms; "
           "%zu objects, %zu events, file %.1f MB, log %.1f MB\n",
           n, ms, (double)n / ms * 1e3, b->took[b->rounds / 2],
           b->took[b->rounds - 1 - b->rounds / 100], b->took[b->rounds - 1], st.objects,
           st.log_events, (double)st.db_bytes / 1e6, (double)st.wal_bytes / 1e6);
}

static void run(struct bench *b, long n)
{
    b->left = n;
    b->done = false;
    b->rounds = 0;
    b->making = 0;
    double from = now_ms();
    loop_defer(b->loop, put_some, b);
    loop_run_until(b->loop, &b->done, LOOP_S(600));
    report(b, n, now_ms() - from - b->making);
}

int main(int argc, char **argv)
{
    jx_init();
    static struct bench b;
    long n = argc > 2 ? atol(argv[2]) : 10000;
    cleanup_free char *path = xasprintf("%s/bench.db", argc > 1 ? argv[1] : "/tmp");
    struct store_opts opts = {.path = path};
    struct err err;
    b.loop = loop_new();
    loop_tick_end(b.loop, begin_end, &b);
    if (store_open(b.loop, &opts, &b.s, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    loop_tick_end(b.loop, end_end, &b);
    if (jx_parse(pod_text, strlen(pod_text), true, &b.template, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    b.objects = 10000;
    cleanup_free char *text = jx_dump_text(b.template);
    printf("objects of %zu bytes\n", strlen(text));
    for (int i = 0; i < 4; i++) {
        run(&b, n);
    }
    double from = now_ms();
    store_close(b.s);
    printf("close %.1f ms\n", now_ms() - from);
    from = now_ms();
    if (store_open(b.loop, &opts, &b.s, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    struct store_stats st;
    store_stats(b.s, &st);
    printf("open %.1f ms: %zu objects, %zu events\n", now_ms() - from, st.objects, st.log_events);
    store_close(b.s);
    json_decref(b.template);
    loop_off_tick_end(b.loop, begin_end, &b);
    loop_off_tick_end(b.loop, end_end, &b);
    loop_free(b.loop);
    return 0;
}
