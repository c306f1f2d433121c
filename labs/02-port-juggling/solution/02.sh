# Away here ...
docker rm -f news maps
# ... and made there: every host has a port 8080.
docker -c worker-2 run -d --name news -p 8080:8080 -e NAME=news podlab/web:v1
docker -c worker-3 run -d --name maps -p 8080:8080 -e NAME=maps podlab/web:v1
