# why: unknown
docker run --rm busybox ps
