# why: container-exited
docker run -d --name web busybox true
