# why: not-published
curl -s worker-1:8080/crash
docker wait web
docker rm web
docker run -d --name web podlab/web:v1
