# What ended with its host does not come back by itself; take it away.
docker -c worker-2 rm -f shop
