# why: port-closed
docker rm -f news maps
docker -c worker-2 run -d --name news -p 8080:8080 -e NAME=news podlab/web:v1
docker -c worker-2 run -d --name maps -p 8081:8080 -e NAME=maps podlab/web:v1
