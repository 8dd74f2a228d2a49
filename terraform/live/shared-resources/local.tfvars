# For the local cloud: AWS_ENDPOINT_URL=http://127.0.0.1:4566
domain             = "localhost"
create_hosted_zone = true
https              = false
http_port          = 8080
database = {
  deletion_protection = false
}
