# why: port-nobody
docker run -d --name web2 -p 8081:8081 podlab/web:v1
