data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  scope = "${data.aws_region.this.name}:${data.aws_caller_identity.this.account_id}"
}

data "aws_iam_policy_document" "tasks_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# What ECS itself needs to start tasks: pull, write logs, read the secrets that a task definition names. What an application
# may do is its environment's own role.
resource "aws_iam_role" "execution" {
  name               = "${var.name}-ecs-execution-role"
  assume_role_policy = data.aws_iam_policy_document.tasks_assume.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "execution" {
  name = "adhoc"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = ["arn:aws:ecr:${local.scope}:repository/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:${local.scope}:log-group:/ecs/*"]
      },
      {
        Effect    = "Allow"
        Action    = ["secretsmanager:GetSecretValue"]
        Resource  = ["arn:aws:secretsmanager:${local.scope}:secret:*"]
        Condition = { StringEquals = { "aws:ResourceTag/managed-by" = "adhoc" } }
      },
      # The master password of the shared database, for the task that makes an environment's own.
      {
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = ["arn:aws:secretsmanager:${local.scope}:secret:rds!db-*"]
      },
    ]
  })
}
