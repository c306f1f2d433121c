# why: unknown
docker run --name box busybox ls /nowhere
