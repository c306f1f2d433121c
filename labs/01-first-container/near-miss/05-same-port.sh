# why: port-held
docker run -d --name web2 -p 8080:8080 podlab/web:v1
