# A host inside the VPC for people who want psql there. Session Manager leads to it: no port is open and there is no key
# pair. Environments do not need it; their databases are made by a task.

locals {
  bastion = var.bastion ? 1 : 0
}

# Names the newest Amazon Linux 2023, which has Session Manager's agent.
data "aws_ssm_parameter" "bastion_image" {
  count = local.bastion
  name  = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

data "aws_iam_policy_document" "instances_assume" {
  count = local.bastion

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "bastion" {
  count              = local.bastion
  name               = "${var.name}-bastion-role"
  assume_role_policy = data.aws_iam_policy_document.instances_assume[0].json
  tags               = local.tags
}

# The channels of Session Manager, and nothing else: no right in the account comes with a shell on the bastion. AWS's own
# policy for this would let it read every parameter.
resource "aws_iam_role_policy" "bastion" {
  count = local.bastion
  name  = "adhoc"
  role  = aws_iam_role.bastion[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ]
      Resource = ["*"]
    }]
  })
}

resource "aws_iam_instance_profile" "bastion" {
  count = local.bastion
  name  = "${var.name}-bastion"
  role  = aws_iam_role.bastion[0].name
  tags  = local.tags
}

resource "aws_security_group" "bastion" {
  count       = local.bastion
  name        = "${var.name}-bastion-sg"
  description = "Bastion of ${var.name}"
  vpc_id      = aws_vpc.this.id
  tags        = merge(local.tags, { Name = "${var.name}-bastion-sg" })
}

resource "aws_vpc_security_group_egress_rule" "bastion" {
  count             = local.bastion
  security_group_id = aws_security_group.bastion[0].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_vpc_security_group_ingress_rule" "rds_from_bastion" {
  count                        = local.bastion * local.databases
  security_group_id            = aws_security_group.rds[0].id
  referenced_security_group_id = aws_security_group.bastion[0].id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_instance" "bastion" {
  count                       = local.bastion
  ami                         = data.aws_ssm_parameter.bastion_image[0].insecure_value
  instance_type               = "t4g.nano"
  subnet_id                   = aws_subnet.public["1"].id
  associate_public_ip_address = true
  vpc_security_group_ids      = [aws_security_group.bastion[0].id]
  iam_instance_profile        = aws_iam_instance_profile.bastion[0].name
  tags                        = merge(local.tags, { Name = "${var.name}-bastion" })
  volume_tags                 = merge(local.tags, { Name = "${var.name}-bastion" })

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    encrypted = true
  }

  lifecycle {
    # A newer AMI is no reason to replace it.
    ignore_changes = [ami]
  }

  depends_on = [aws_internet_gateway.this]
}
