# -f ends what still runs.
docker rm -f web web2 box
