# why: container-remains
docker -c worker-3 rm -f shop
