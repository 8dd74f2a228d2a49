locals {
  databases = var.database == null ? 0 : 1
}

resource "aws_db_subnet_group" "this" {
  count       = local.databases
  name        = "${var.name}-rds"
  description = "Private subnets of ${var.name}"
  subnet_ids  = [for subnet in aws_subnet.private : subnet.id]
  tags        = merge(local.tags, { Name = "${var.name}-rds" })
}

resource "aws_db_instance" "this" {
  count             = local.databases
  identifier        = "${var.name}-rds"
  engine            = "postgres"
  engine_version    = var.database.version
  instance_class    = var.database.instance_class
  allocated_storage = var.database.storage
  storage_type      = "gp3"
  storage_encrypted = true
  username          = "postgres"
  # RDS makes the password and keeps it in Secrets Manager: it is in no variable and no state.
  manage_master_user_password = true
  db_subnet_group_name        = aws_db_subnet_group.this[0].name
  vpc_security_group_ids      = [aws_security_group.rds[0].id]
  publicly_accessible         = false
  backup_retention_period     = 1
  deletion_protection         = var.database.deletion_protection
  skip_final_snapshot         = true
  apply_immediately           = true
  tags                        = merge(local.tags, { Name = "${var.name}-rds" })
}
