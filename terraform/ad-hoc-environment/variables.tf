variable "name" {
  type        = string
  description = "Name of the environment (the workspace), e.g. feature-abc"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "A name has up to 20 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "application" {
  type        = string
  description = "The application's name in adhoc.yaml; the tag `application`"
}

variable "shared" {
  type = object({
    name               = string
    domain             = string
    url_scheme         = string
    url_port           = string
    zone_id            = string
    vpc_id             = string
    task_subnet_ids    = list(string)
    assign_public_ip   = bool
    security_group_id  = string
    listener_arn       = string
    alb                = object({ dns_name = string, zone_id = string })
    namespace          = object({ id = string, name = string })
    execution_role_arn = string
    database = optional(object({
      address    = string
      port       = number
      username   = string
      secret_arn = string
    }))
  })
  description = "Output `shared` of the shared resources"
}

variable "services" {
  type = map(object({
    image             = string
    command           = optional(list(string))
    environment       = optional(map(string), {})
    secrets           = optional(map(string), {}) # name → `database` (its password) or an entry of `secrets`
    cpu               = optional(number, 256)
    memory            = optional(number, 512)
    port              = optional(number)
    paths             = optional(list(string), []) # path patterns of its listener rule; ["/*"]: all that no other takes
    discoverable      = optional(bool, false)
    scale             = optional(number, 1)
    autoscaling       = optional(object({ min = number, max = number, cpu = number })) # tasks to keep their CPU at so many percent
    spot              = optional(bool)                                                 # null: as the variable `spot` says
    entrypoint        = optional(list(string))
    user              = optional(string)
    working_directory = optional(string)
    stop_timeout      = optional(number, 30)
    docker_labels     = optional(map(string), {})
    architecture      = optional(string, "X86_64")
    platform_version  = optional(string, "LATEST")
    healthcheck = optional(object({
      path                = optional(string, "/")
      interval            = optional(number, 10)
      timeout             = optional(number, 5)
      healthy_threshold   = optional(number, 2)
      unhealthy_threshold = optional(number, 3)
      matcher             = optional(string, "200")
      grace_period        = optional(number, 0)
      command             = optional(list(string)) # in the container, as ECS takes it
    }), {})
    minimum_healthy_percent = optional(number, 100)
    maximum_percent         = optional(number, 200)
    deregistration_delay    = optional(number, 10)
  }))
  description = "Long-running services"
}

variable "tasks" {
  type = map(object({
    image             = string
    command           = optional(list(string))
    environment       = optional(map(string), {})
    secrets           = optional(map(string), {})
    cpu               = optional(number, 256)
    memory            = optional(number, 512)
    entrypoint        = optional(list(string))
    user              = optional(string)
    working_directory = optional(string)
    stop_timeout      = optional(number, 30)
    docker_labels     = optional(map(string), {})
    architecture      = optional(string, "X86_64")
  }))
  default     = {}
  description = "One-off tasks, such as migrate"
}

variable "before_services" {
  type        = list(string)
  default     = []
  description = "Tasks that run, in this order, before the services are made for the first time"
}

variable "secrets" {
  type        = map(number)
  default     = {}
  description = "Generated secrets: name → length. They are in Secrets Manager and nowhere else."
}

variable "generate_secrets" {
  type        = bool
  default     = true
  description = "Give the secrets and the database's role new values while applying; false: they have values, as after an import"
}

variable "database_image" {
  type        = string
  default     = null
  description = "Has psql; makes and drops the environment's database. null: it has none"
}

variable "bucket" {
  type        = bool
  default     = true
  description = "Make a bucket that the application may use"
}

variable "public_objects" {
  type        = list(string)
  default     = []
  description = "Keys of the bucket that anybody may read: static/*"
}

variable "permissions_boundary" {
  type        = string
  default     = null
  description = "ARN of the policy that limits the role of the tasks, `permissions_boundary` of adhoc's target"
}

variable "spot" {
  type        = bool
  default     = true
  description = "Run the services on Fargate Spot"
}

variable "run_tasks" {
  type        = bool
  default     = true
  description = "Make the database and run `before_services` while applying, which needs the AWS CLI; false: run the outputs' commands"
}
