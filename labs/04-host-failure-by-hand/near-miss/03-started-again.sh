# why: container-remains
docker -c worker-2 start shop
