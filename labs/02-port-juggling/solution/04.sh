# One copy after the other, each with the port that it had.
docker rm -f shop
docker run -d --name shop -p 8080:8080 -e NAME=shop podlab/web:v2
docker -c worker-2 rm -f shop2
docker -c worker-2 run -d --name shop2 -p 8081:8080 -e NAME=shop podlab/web:v2
