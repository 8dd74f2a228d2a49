output "shared" {
  description = "What environments stand on; the input `shared` of the module ad-hoc-environment"
  value = {
    name   = var.name
    domain = var.domain
    # As people reach it: https://<env>.<domain>, or http with its port.
    url_scheme        = var.https ? "https" : "http"
    url_port          = var.https ? (var.https_port == 443 ? "" : ":${var.https_port}") : (var.http_port == 80 ? "" : ":${var.http_port}")
    zone_id           = local.zone_id
    vpc_id            = aws_vpc.this.id
    task_subnet_ids   = [for subnet in var.nat == "none" ? aws_subnet.public : aws_subnet.private : subnet.id]
    assign_public_ip  = var.nat == "none"
    security_group_id = aws_security_group.ecs.id
    listener_arn      = local.listener_arn
    alb = {
      dns_name = aws_lb.this.dns_name
      zone_id  = aws_lb.this.zone_id
    }
    namespace = {
      id   = aws_service_discovery_private_dns_namespace.this.id
      name = aws_service_discovery_private_dns_namespace.this.name
    }
    execution_role_arn = aws_iam_role.execution.arn
    database = one([for instance in aws_db_instance.this : {
      address    = instance.address
      port       = instance.port
      username   = instance.username
      secret_arn = instance.master_user_secret[0].secret_arn
    }])
  }
}

output "bastion_instance_id" {
  description = "aws ssm start-session --target <this>"
  value       = one(aws_instance.bastion[*].id)
}
