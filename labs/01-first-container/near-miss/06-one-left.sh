# why: container-remains
docker rm -f web box
