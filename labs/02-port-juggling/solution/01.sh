# The same port inside, three outside.
docker run -d --name shop -p 8080:8080 -e NAME=shop podlab/web:v1
docker run -d --name news -p 8081:8080 -e NAME=news podlab/web:v1
docker run -d --name maps -p 8082:8080 -e NAME=maps podlab/web:v1
