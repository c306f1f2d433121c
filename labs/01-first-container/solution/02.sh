# It lists its own processes, and ends.
docker run --name box busybox ps
