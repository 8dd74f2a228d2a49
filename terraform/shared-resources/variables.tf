variable "name" {
  type        = string
  description = "Name of the shared resources (the workspace), e.g. dev"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "A name has up to 20 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "application" {
  type        = string
  description = "The application's name in adhoc.yaml; the tag `application`"
}

variable "domain" {
  type        = string
  description = "Environments are at <name>.<domain>"
}

variable "create_hosted_zone" {
  type        = bool
  default     = false
  description = "Make the domain's public hosted zone; false: it is there already, as after buying a domain in Route 53"
}

variable "cidr" {
  type        = string
  default     = "10.0.0.0/16"
  description = "Address range of the VPC"
}

variable "zones" {
  type        = number
  default     = 2
  description = "How many availability zones to use"

  validation {
    condition     = var.zones >= 2 && var.zones <= 6
    error_message = "A load balancer and a database need subnets in two to six availability zones."
  }
}

variable "nat" {
  type        = string
  default     = "single"
  description = "How tasks get out: NAT gateways, single or per_zone; VPC endpoints in place of one, endpoints; none (tasks get public addresses)"

  validation {
    condition     = contains(["none", "single", "per_zone", "endpoints"], var.nat)
    error_message = "One of none, single, per_zone, endpoints."
  }
}

variable "ingress_cidrs" {
  type        = list(string)
  default     = ["0.0.0.0/0"]
  description = "Who may reach the load balancer; the VPN's range limits it to a VPN"
}

variable "https" {
  type        = bool
  default     = true
  description = "HTTPS with a wildcard certificate, to which HTTP redirects; false only for the local cloud"
}

variable "certificate_arn" {
  type        = string
  default     = null
  description = "Wildcard certificate of the domain; null with https: one is made and validated by DNS"
}

variable "http_port" {
  type    = number
  default = 80
}

variable "https_port" {
  type    = number
  default = 443
}

variable "database" {
  type = object({
    version             = optional(string, "15")
    instance_class      = optional(string, "db.t4g.micro")
    storage             = optional(number, 20)
    deletion_protection = optional(bool, true)
  })
  default     = {}
  description = "The PostgreSQL instance in which each environment has a database of its own; null: there is none"
}

variable "bastion" {
  type        = bool
  default     = false
  description = "A host in the VPC that reaches the database, by Session Manager alone; not needed by environments"
}
