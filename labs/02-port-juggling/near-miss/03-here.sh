# why: container-elsewhere
docker run -d --name shop2 -p 8081:8080 -e NAME=shop podlab/web:v1
