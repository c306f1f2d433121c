# Every published port of every host is asked who is there.
for host in worker-1 worker-2 worker-3; do
    for port in $(docker -c $host ps --format '{{.Ports}}' | grep -o ':[0-9]*->' | tr -d ':>-'); do
        case $(curl -s -m 2 $host:$port) in tickets*) echo $host:$port >where.txt ;; esac
    done
done
# It was stopped; -a shows such ones, too.
docker -c worker-2 start mail
