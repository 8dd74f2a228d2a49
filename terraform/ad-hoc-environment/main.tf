data "aws_region" "this" {}

locals {
  host   = "${var.name}.${var.shared.domain}"
  url    = "${var.shared.url_scheme}://${local.host}${var.shared.url_port}"
  bucket = "${replace(var.shared.domain, ".", "-")}-${var.name}-bucket"
  tags = {
    env         = var.name
    application = var.application
    # What adhoc's roles and reconciler may touch carries this tag, whoever made it.
    managed-by = "adhoc"
  }

  has_database = var.database_image != null

  # What the task that makes the database runs in: psql, as the master user, whose password only this task is given. Its
  # command is an override, as one definition serves for making and dropping.
  database_tasks = { for name in local.has_database ? ["database"] : [] : name => {
    image   = var.database_image
    command = null
    environment = {
      PGHOST     = var.shared.database.address
      PGPORT     = tostring(var.shared.database.port)
      PGUSER     = var.shared.database.username
      PGDATABASE = "postgres"
      DB_NAME    = "${var.name}-db"
      DB_USER    = var.name
    }
    secrets = {
      PGPASSWORD  = "${var.shared.database.secret_arn}:password::"
      DB_PASSWORD = "${aws_secretsmanager_secret.database[0].arn}:password::"
    }
    cpu               = 256
    memory            = 512
    port              = null
    health_check      = null
    entrypoint        = null
    user              = null
    working_directory = null
    stop_timeout      = 30
    architecture      = "X86_64"
  } }

  workloads = merge(
    {
      for name, workload in merge(var.services, var.tasks) : name => merge(workload, {
        port         = try(workload.port, null)
        health_check = try(workload.healthcheck.command, null) == null ? null : workload.healthcheck
        secrets = {
          for variable, secret in workload.secrets : variable =>
          secret == "database" ? "${aws_secretsmanager_secret.database[0].arn}:password::" : aws_secretsmanager_secret.generated[secret].arn
        }
      })
    },
    local.database_tasks,
  )

  balanced  = { for name, service in var.services : name => service if length(service.paths) > 0 }
  catch_all = { for name, service in local.balanced : name => service if service.paths == tolist(["/*"]) }
  specific  = { for name, service in local.balanced : name => service if !contains(keys(local.catch_all), name) }
}

resource "aws_ecs_cluster" "this" {
  name = "${var.name}-cluster"
  tags = local.tags
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  # For scripts whose run-task names no launch type.
  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = local.workloads
  name              = "/ecs/${var.name}/${each.key}"
  retention_in_days = 14
  tags              = local.tags
}

resource "aws_ecs_task_definition" "this" {
  for_each                 = local.workloads
  family                   = "${var.name}-${each.key}"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = var.shared.execution_role_arn
  task_role_arn            = aws_iam_role.task.arn
  tags                     = local.tags

  dynamic "runtime_platform" {
    for_each = each.value.architecture == "X86_64" ? [] : [each.value.architecture]
    content {
      cpu_architecture        = runtime_platform.value
      operating_system_family = "LINUX"
    }
  }

  container_definitions = jsonencode([merge(
    {
      name        = each.key
      image       = each.value.image
      essential   = true
      stopTimeout = each.value.stop_timeout
      environment = [for name in sort(keys(each.value.environment)) : { name = name, value = each.value.environment[name] }]
      secrets     = [for name in sort(keys(each.value.secrets)) : { name = name, valueFrom = each.value.secrets[name] }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this[each.key].name
          awslogs-region        = data.aws_region.this.name
          awslogs-stream-prefix = each.key
          mode                  = "non-blocking"
          max-buffer-size       = "25m"
        }
      }
    },
    each.value.command == null ? {} : { command = each.value.command },
    each.value.entrypoint == null ? {} : { entryPoint = each.value.entrypoint },
    each.value.user == null ? {} : { user = each.value.user },
    each.value.working_directory == null ? {} : { workingDirectory = each.value.working_directory },
    each.value.health_check == null ? {} : {
      healthCheck = merge(
        {
          command  = each.value.health_check.command
          interval = each.value.health_check.interval
          timeout  = each.value.health_check.timeout
          retries  = each.value.health_check.unhealthy_threshold
        },
        each.value.health_check.grace_period == 0 ? {} : { startPeriod = each.value.health_check.grace_period })
    },
    length(try(each.value.docker_labels, {})) == 0 ? {} : { dockerLabels = each.value.docker_labels },
    each.value.port == null ? {} : {
      portMappings = [{ containerPort = each.value.port, hostPort = each.value.port, protocol = "tcp" }]
    },
  )])
}

resource "aws_ecs_service" "this" {
  for_each                           = var.services
  name                               = "${var.name}-${each.key}"
  cluster                            = aws_ecs_cluster.this.arn
  task_definition                    = aws_ecs_task_definition.this[each.key].arn
  desired_count                      = each.value.scale
  launch_type                        = coalesce(each.value.spot, var.spot) ? null : "FARGATE"
  platform_version                   = each.value.platform_version
  deployment_minimum_healthy_percent = each.value.minimum_healthy_percent
  deployment_maximum_percent         = each.value.maximum_percent
  health_check_grace_period_seconds  = length(each.value.paths) > 0 ? each.value.healthcheck.grace_period : null
  enable_execute_command             = true
  propagate_tags                     = "SERVICE"
  # By the second tag adhoc knows that the number of tasks is not the definition's.
  tags = merge(local.tags, each.value.autoscaling == null ? {} : { "adhoc:autoscaling" = "cpu" })

  dynamic "capacity_provider_strategy" {
    for_each = coalesce(each.value.spot, var.spot) ? [1] : []
    content {
      capacity_provider = "FARGATE_SPOT"
      weight            = 1
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.shared.task_subnet_ids
    security_groups  = [var.shared.security_group_id]
    assign_public_ip = var.shared.assign_public_ip
  }

  dynamic "load_balancer" {
    for_each = length(each.value.paths) > 0 ? [1] : []
    content {
      target_group_arn = aws_lb_target_group.this[each.key].arn
      container_name   = each.key
      container_port   = each.value.port
    }
  }

  dynamic "service_registries" {
    for_each = each.value.discoverable ? [1] : []
    content {
      registry_arn = aws_service_discovery_service.this[each.key].arn
    }
  }

  lifecycle {
    # Deploys (adhoc deploy, the update pipelines) choose the revision; a changed variable must not bring back the old image.
    # The new revision that it makes is what the next deploy starts from.
    ignore_changes = [task_definition, desired_count]
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_lb_listener_rule.specific,
    aws_lb_listener_rule.catch_all,
    aws_iam_role_policy.task,
    aws_s3_bucket_policy.public,
    terraform_data.database,
    terraform_data.before_services,
  ]
}
