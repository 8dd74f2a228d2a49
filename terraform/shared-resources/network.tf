data "aws_availability_zones" "available" {
  state = "available"

  filter {
    name   = "zone-type"
    values = ["availability-zone"]
  }
}

locals {
  zones = [for number in range(var.zones) : tostring(number + 1)]
  nats  = { none = [], single = ["1"], per_zone = local.zones, endpoints = [] }[var.nat]
  # The route tables of private subnets, and the zones that each serves.
  private_tables = var.nat == "per_zone" ? { for zone in local.zones : "private-${zone}" => [zone] } : { private = local.zones }
  tags = {
    env         = var.name
    application = var.application
    # What adhoc's roles and reconciler may touch carries this tag, whoever made it.
    managed-by = "adhoc"
  }
}

resource "aws_vpc" "this" {
  cidr_block = var.cidr
  # Cloud Map's private namespaces need both.
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = "${var.name}-vpc" })
}

# Whoever forgets to name a security group gets one that lets nothing in or out.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = "${var.name}-default" })
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = "${var.name}-igw" })
}

# Public subnets take the first ranges, private ones those from the 10th on.
resource "aws_subnet" "public" {
  for_each          = toset(local.zones)
  vpc_id            = aws_vpc.this.id
  cidr_block        = cidrsubnet(var.cidr, 8, each.key - 1)
  availability_zone = data.aws_availability_zones.available.names[each.key - 1]
  tags              = merge(local.tags, { Name = "${var.name}-public-${each.key}" })
}

resource "aws_subnet" "private" {
  for_each          = toset(local.zones)
  vpc_id            = aws_vpc.this.id
  cidr_block        = cidrsubnet(var.cidr, 8, each.key + 9)
  availability_zone = data.aws_availability_zones.available.names[each.key - 1]
  tags              = merge(local.tags, { Name = "${var.name}-private-${each.key}" })
}

resource "aws_eip" "nat" {
  for_each   = toset(local.nats)
  domain     = "vpc"
  tags       = merge(local.tags, { Name = "${var.name}-nat-${each.key}" })
  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  for_each      = toset(local.nats)
  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = merge(local.tags, { Name = "${var.name}-nat-${each.key}" })
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = "${var.name}-public" })
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each       = aws_subnet.public
  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  for_each = local.private_tables
  vpc_id   = aws_vpc.this.id
  tags     = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_route" "private" {
  for_each               = length(local.nats) == 0 ? {} : local.private_tables
  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[each.value[0]].id
}

resource "aws_route_table_association" "private" {
  for_each       = aws_subnet.private
  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[var.nat == "per_zone" ? "private-${each.key}" : "private"].id
}

# ---- Who may talk to whom: the internet to the load balancer, it to tasks, tasks to each other and to the database.

resource "aws_security_group" "alb" {
  name        = "${var.name}-alb-sg"
  description = "Load balancer of ${var.name}"
  vpc_id      = aws_vpc.this.id
  tags        = merge(local.tags, { Name = "${var.name}-alb-sg" })
}

resource "aws_vpc_security_group_ingress_rule" "alb" {
  for_each = merge([for cidr in var.ingress_cidrs : {
    for port in var.https ? [var.http_port, var.https_port] : [var.http_port] : "${cidr} ${port}" => { cidr = cidr, port = port }
  }]...)
  security_group_id = aws_security_group.alb.id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_security_group" "ecs" {
  name        = "${var.name}-ecs-sg"
  description = "Tasks of environments on ${var.name}"
  vpc_id      = aws_vpc.this.id
  tags        = merge(local.tags, { Name = "${var.name}-ecs-sg" })
}

resource "aws_vpc_security_group_ingress_rule" "ecs" {
  for_each                     = { alb = aws_security_group.alb.id, ecs = aws_security_group.ecs.id }
  security_group_id            = aws_security_group.ecs.id
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 1
  to_port                      = 65535
}

resource "aws_security_group" "rds" {
  count       = local.databases
  name        = "${var.name}-rds-sg"
  description = "Database of ${var.name}"
  vpc_id      = aws_vpc.this.id
  tags        = merge(local.tags, { Name = "${var.name}-rds-sg" })
}

resource "aws_vpc_security_group_ingress_rule" "rds" {
  count                        = local.databases
  security_group_id            = aws_security_group.rds[0].id
  referenced_security_group_id = aws_security_group.ecs.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

# As every new group has outside of Terraform.
resource "aws_vpc_security_group_egress_rule" "all" {
  for_each = merge(
    { alb = aws_security_group.alb.id, ecs = aws_security_group.ecs.id },
    { for group in aws_security_group.rds : "rds" => group.id },
  )
  security_group_id = each.value
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

# ---- In place of a NAT gateway: AWS's services in the VPC, for tasks only.

resource "aws_security_group" "endpoints" {
  count       = var.nat == "endpoints" ? 1 : 0
  name        = "${var.name}-endpoints-sg"
  description = "VPC endpoints of ${var.name}"
  vpc_id      = aws_vpc.this.id
  tags        = merge(local.tags, { Name = "${var.name}-endpoints-sg" })
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  count             = var.nat == "endpoints" ? 1 : 0
  security_group_id = aws_security_group.endpoints[0].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count                        = var.nat == "endpoints" ? 1 : 0
  security_group_id            = aws_security_group.endpoints[0].id
  referenced_security_group_id = aws_security_group.ecs.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = toset(var.nat == "endpoints" ? ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssmmessages"] : [])
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${data.aws_region.this.name}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints[0].id]
  tags                = merge(local.tags, { Name = "${var.name}-${replace(each.key, ".", "-")}" })
}

# Where layers of images are.
resource "aws_vpc_endpoint" "s3" {
  count           = var.nat == "endpoints" ? 1 : 0
  vpc_id          = aws_vpc.this.id
  service_name    = "com.amazonaws.${data.aws_region.this.name}.s3"
  route_table_ids = [aws_route_table.private["private"].id]
  tags            = merge(local.tags, { Name = "${var.name}-s3" })
}
