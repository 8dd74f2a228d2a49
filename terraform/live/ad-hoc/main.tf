# An ad hoc environment per workspace: terraform workspace select -or-create alpha
# The state's bucket is given at init: terraform init -backend-config=bucket=… -backend-config=region=…

terraform {
  backend "s3" {
    key          = "ad-hoc/terraform.tfstate"
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region
}

data "terraform_remote_state" "shared" {
  backend   = "s3"
  workspace = var.shared_resources_workspace

  config = {
    bucket = var.state_bucket
    key    = "shared-resources/terraform.tfstate"
    region = var.region
  }
}

data "aws_caller_identity" "this" {}

locals {
  shared     = data.terraform_remote_state.shared.outputs.shared
  host       = "${terraform.workspace}.${local.shared.domain}"
  bucket     = "${replace(local.shared.domain, ".", "-")}-${terraform.workspace}-bucket"
  registry   = "${data.aws_caller_identity.this.account_id}.dkr.ecr.${var.region}.amazonaws.com"
  bucket_url = var.bucket_endpoint == null ? "https://${local.bucket}.s3.${var.region}.amazonaws.com" : "${var.bucket_endpoint}/${local.bucket}"

  # What every process of the backend is given.
  backend = {
    image  = "${local.registry}/backend:${var.be_image_tag}"
    cpu    = 256
    memory = 512
    environment = {
      ENVIRONMENT             = terraform.workspace
      ALLOWED_HOSTS           = local.host
      LOG_LEVEL               = var.log_level
      POSTGRES_HOST           = local.shared.database.address
      POSTGRES_PORT           = tostring(local.shared.database.port)
      POSTGRES_NAME           = "${terraform.workspace}-db"
      POSTGRES_USER           = terraform.workspace
      REDIS_HOST              = "${terraform.workspace}-redis.${local.shared.namespace.name}"
      AWS_STORAGE_BUCKET_NAME = local.bucket
      BUCKET_URL              = local.bucket_url
    }
    secrets = {
      POSTGRES_PASSWORD = "database"
      SECRET_KEY        = "DJANGO_SECRET_KEY"
    }
  }
}

module "environment" {
  source = "../../ad-hoc-environment"

  name            = terraform.workspace
  application     = "ublog"
  shared          = local.shared
  database_image  = var.database_image
  secrets         = { DJANGO_SECRET_KEY = 50 }
  public_objects  = ["static/*", "media/*"]
  before_services = ["migrate", "collectstatic"]
  spot            = var.spot

  services = {
    redis = {
      image        = var.redis_image
      port         = 6379
      discoverable = true
    }
    gunicorn = merge(local.backend, {
      command     = ["gunicorn", "ublog.wsgi"]
      cpu         = 512
      memory      = 1024
      port        = 8000
      paths       = ["/api/*", "/admin/*", "/mtv/*", "/graphql*"]
      healthcheck = { path = "/api/health-check", interval = 5, timeout = 3 }
    })
    worker = merge(local.backend, {
      command = ["celery", "-A", "ublog", "worker", "--loglevel", var.log_level, "--concurrency", "1", "--without-gossip", "--without-mingle"]
    })
    beat = merge(local.backend, {
      command = ["celery", "-A", "ublog", "beat", "--loglevel", var.log_level, "--schedule", "/tmp/beat-schedule", "--pidfile="]
      # Two at once would send everything twice, so the old one ends before the new one starts.
      minimum_healthy_percent = 0
      maximum_percent         = 100
    })
    frontend = {
      image       = "${local.registry}/frontend:${var.fe_image_tag}"
      port        = 80
      paths       = ["/*"]
      healthcheck = { path = "/healthz", interval = 5, timeout = 3 }
    }
  }

  tasks = {
    migrate       = merge(local.backend, { command = ["python3", "manage.py", "migrate", "--noinput"], cpu = 1024, memory = 2048 })
    collectstatic = merge(local.backend, { command = ["python3", "manage.py", "collectstatic", "--noinput"], cpu = 1024, memory = 2048 })
  }
}
