# Detached, with a name.
docker run -d --name web podlab/web:v1
