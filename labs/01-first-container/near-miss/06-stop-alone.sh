# why: container-remains
docker stop web web2
