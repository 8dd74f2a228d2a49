locals {
  bucket_count = var.bucket ? 1 : 0
}

resource "aws_s3_bucket" "this" {
  count         = local.bucket_count
  bucket        = local.bucket
  force_destroy = true
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  count                   = local.bucket_count
  bucket                  = aws_s3_bucket.this[0].id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = length(var.public_objects) == 0
  restrict_public_buckets = length(var.public_objects) == 0
}

resource "aws_s3_bucket_policy" "public" {
  count  = var.bucket && length(var.public_objects) > 0 ? 1 : 0
  bucket = aws_s3_bucket.this[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = [for pattern in var.public_objects : "${aws_s3_bucket.this[0].arn}/${pattern}"]
    }]
  })
  depends_on = [aws_s3_bucket_public_access_block.this]
}

# Browsers load fonts and scripts from it on pages of the environment's own origin.
resource "aws_s3_bucket_cors_configuration" "this" {
  count  = local.bucket_count
  bucket = aws_s3_bucket.this[0].id

  cors_rule {
    allowed_methods = ["GET", "HEAD"]
    allowed_origins = [local.url]
    allowed_headers = ["*"]
  }
}

# What the application may do: its own bucket, and the channels of ECS Exec.
data "aws_iam_policy_document" "tasks_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "task" {
  name                 = "${var.name}-task-role"
  assume_role_policy   = data.aws_iam_policy_document.tasks_assume.json
  permissions_boundary = var.permissions_boundary
  tags                 = local.tags
}

resource "aws_iam_role_policy" "task" {
  name = "adhoc"
  role = aws_iam_role.task.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = flatten([
      {
        Effect = "Allow"
        Action = [
          "ssmmessages:CreateControlChannel",
          "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel",
          "ssmmessages:OpenDataChannel",
        ]
        Resource = ["*"]
      },
      [for bucket in aws_s3_bucket.this : [
        {
          Effect   = "Allow"
          Action   = ["s3:ListBucket"]
          Resource = [bucket.arn]
        },
        {
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
          Resource = ["${bucket.arn}/*"]
        },
      ]],
    ])
  })
}
