# The shared resources, one set per workspace: terraform workspace select -or-create dev
# The state's bucket is given at init: terraform init -backend-config=bucket=… -backend-config=region=…

terraform {
  backend "s3" {
    key          = "shared-resources/terraform.tfstate"
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region
}

module "shared_resources" {
  source = "../../shared-resources"

  name               = terraform.workspace
  application        = var.application
  domain             = var.domain
  create_hosted_zone = var.create_hosted_zone
  cidr               = var.cidr
  zones              = var.zones
  nat                = var.nat
  ingress_cidrs      = var.ingress_cidrs
  https              = var.https
  certificate_arn    = var.certificate_arn
  http_port          = var.http_port
  database           = var.database
  bastion            = var.bastion
}
