# The environment's own database and role in the shared PostgreSQL, made and dropped by a task inside the VPC.

ephemeral "aws_secretsmanager_random_password" "this" {
  for_each            = var.generate_secrets ? toset(concat(keys(local.database_tasks), keys(var.secrets))) : toset([])
  password_length     = each.key == "database" ? 40 : var.secrets[each.key]
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "database" {
  count                   = local.has_database ? 1 : 0
  name                    = "${var.name}/database"
  recovery_window_in_days = 0
  # By the tag adhoc knows that the database has been made.
  tags = merge(local.tags, { "adhoc:database" = "${var.name}-db" })
}

# Written once and never read: the password is in no variable and no state.
resource "aws_secretsmanager_secret_version" "database" {
  count                    = local.has_database && var.generate_secrets ? 1 : 0
  secret_id                = aws_secretsmanager_secret.database[0].id
  secret_string_wo_version = 1
  secret_string_wo = jsonencode({
    username = var.name
    password = ephemeral.aws_secretsmanager_random_password.this["database"].random_password
    dbname   = "${var.name}-db"
  })
}

resource "aws_secretsmanager_secret" "generated" {
  for_each                = var.secrets
  name                    = "${var.name}/${each.key}"
  recovery_window_in_days = 0
  tags                    = local.tags
}

resource "aws_secretsmanager_secret_version" "generated" {
  for_each                 = var.generate_secrets ? var.secrets : {}
  secret_id                = aws_secretsmanager_secret.generated[each.key].id
  secret_string_wo_version = 1
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.this[each.key].random_password
}

locals {
  # What run-task needs to run a task, as one environment variable.
  network = jsonencode({
    awsvpcConfiguration = {
      subnets        = var.shared.task_subnet_ids
      securityGroups = [var.shared.security_group_id]
      assignPublicIp = var.shared.assign_public_ip ? "ENABLED" : "DISABLED"
    }
  })
  database_overrides = {
    for action in ["create", "drop"] : action => jsonencode({
      containerOverrides = [{ name = "database", command = ["sh", "-ec", file("${path.module}/${action}-database.sh")] }]
    })
  }
}

resource "terraform_data" "database" {
  count = local.has_database && var.run_tasks ? 1 : 0
  input = {
    CLUSTER         = aws_ecs_cluster.this.name
    TASK_DEFINITION = aws_ecs_task_definition.this["database"].arn
    NAME            = "database"
    LOG_GROUP       = aws_cloudwatch_log_group.this["database"].name
    NETWORK         = local.network
    REGION          = data.aws_region.this.name
    OVERRIDES       = local.database_overrides["create"]
    DROP            = local.database_overrides["drop"]
  }
  triggers_replace = aws_secretsmanager_secret.database[*].arn

  provisioner "local-exec" {
    command     = "${path.module}/run-task"
    environment = self.input
  }

  provisioner "local-exec" {
    when        = destroy
    command     = "OVERRIDES=\"$DROP\" ${path.module}/run-task"
    environment = self.input
  }

  depends_on = [
    aws_secretsmanager_secret_version.database,
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.task,
  ]
}

# Once; later updates run them as part of the deploy.
resource "terraform_data" "before_services" {
  count = var.run_tasks && length(var.before_services) > 0 ? 1 : 0
  input = {
    CLUSTER = aws_ecs_cluster.this.name
    NETWORK = local.network
    REGION  = data.aws_region.this.name
    TASKS = join(" ", [
      for name in var.before_services : "${name},${aws_ecs_task_definition.this[name].family},${aws_cloudwatch_log_group.this[name].name}"
    ])
  }
  triggers_replace = terraform_data.database[*].id

  provisioner "local-exec" {
    command     = "for task in $TASKS; do IFS=, read -r NAME TASK_DEFINITION LOG_GROUP <<<\"$task\"; export NAME TASK_DEFINITION LOG_GROUP; ${path.module}/run-task || exit 1; done"
    interpreter = ["bash", "-c"]
    environment = self.input
  }

  depends_on = [aws_secretsmanager_secret_version.generated, aws_s3_bucket_policy.public]
}
