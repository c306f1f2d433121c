# why: exit-status
echo worker-2:8090 >where.txt
docker -c worker-2 start mail
