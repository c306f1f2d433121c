# why: port-held
docker -c worker-2 run -d --name shop2 -p 8080:8080 -e NAME=shop podlab/web:v1
