# What a workspace's <workspace>.tfvars may set; the module says what each means.

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "application" {
  type    = string
  default = "ublog"
}

variable "domain" {
  type = string
}

variable "create_hosted_zone" {
  type    = bool
  default = false
}

variable "cidr" {
  type    = string
  default = "10.0.0.0/16"
}

variable "zones" {
  type    = number
  default = 2
}

variable "nat" {
  type    = string
  default = "single"
}

variable "ingress_cidrs" {
  type    = list(string)
  default = ["0.0.0.0/0"]
}

variable "https" {
  type    = bool
  default = true
}

variable "certificate_arn" {
  type    = string
  default = null
}

variable "http_port" {
  type    = number
  default = 80
}

variable "database" {
  type    = any
  default = {}
}

variable "bastion" {
  type    = bool
  default = false
}
