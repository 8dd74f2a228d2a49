# What an environment's envs/<name>.tfvars sets.

variable "be_image_tag" {
  type        = string
  description = "Git tag of the backend to run"
}

variable "fe_image_tag" {
  type        = string
  description = "Git tag of the frontend to run"
}

variable "log_level" {
  type    = string
  default = "info"

  validation {
    condition     = contains(["debug", "info", "warning", "error"], var.log_level)
    error_message = "One of debug, info, warning, error."
  }
}

variable "spot" {
  type    = bool
  default = true
}

# The same for all environments of a team.

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "state_bucket" {
  type        = string
  description = "Where the shared resources' state is"
}

variable "shared_resources_workspace" {
  type    = string
  default = "dev"
}

variable "redis_image" {
  type    = string
  default = "public.ecr.aws/docker/library/redis:7"
}

variable "database_image" {
  type    = string
  default = "public.ecr.aws/docker/library/postgres:15"
}

variable "bucket_endpoint" {
  type        = string
  default     = null
  description = "For the local cloud: where browsers reach its buckets, http://localhost:4566"
}
