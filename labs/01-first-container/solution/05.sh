# The same port inside, another one outside.
docker run -d --name web2 -p 8081:8080 podlab/web:v1
