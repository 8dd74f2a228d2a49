# For the local cloud: AWS_ENDPOINT_URL=http://127.0.0.1:4566
redis_image     = "localhost/adhoc/redis:7"
database_image  = "localhost/adhoc/postgres:15"
bucket_endpoint = "http://localhost:4566"
spot            = false
