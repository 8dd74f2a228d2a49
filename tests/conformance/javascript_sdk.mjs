// What the JavaScript SDK makes of the local cloud, which it knows by AWS_ENDPOINT_URL alone. Run in a folder that has the SDK
// in node_modules: node javascript_sdk.mjs CHECK
import assert from "node:assert/strict";
import {createHash} from "node:crypto";
import {createRequire} from "node:module";
import {join} from "node:path";
import {Readable} from "node:stream";
import {buffer} from "node:stream/consumers";

const require = createRequire(join(process.cwd(), "package.json"));
const sdk = name => require(`@aws-sdk/${name}`);
// No retries: an answer that only comes with the second try is a bug to see.
const options = {maxAttempts: 1};
const unique = `js${process.pid}`;

const checks = {
  async query_protocol() {
    const {STSClient, GetCallerIdentityCommand} = sdk("client-sts");
    const identity = await new STSClient(options).send(new GetCallerIdentityCommand({}));
    assert.match(identity.Account, /^\d{12}$/);
    assert.match(identity.Arn, /^arn:aws:(iam|sts)::/);
  },

  async json_protocol_and_typed_errors() {
    const ecs = sdk("client-ecs");
    const client = new ecs.ECSClient(options);
    const {cluster} = await client.send(new ecs.CreateClusterCommand({clusterName: unique}));
    assert.equal(cluster.status, "ACTIVE");
    const family = {
      family: unique, requiresCompatibilities: ["FARGATE"], networkMode: "awsvpc", cpu: "256", memory: "512",
      containerDefinitions: [{name: "web", image: "web:1", essential: true}],
    };
    const {taskDefinition} = await client.send(new ecs.RegisterTaskDefinitionCommand(family));
    assert.ok(taskDefinition.registeredAt instanceof Date);
    await assert.rejects(client.send(new ecs.ListServicesCommand({cluster: `${unique}-none`})), ecs.ClusterNotFoundException);
    // Pages and a waiter of the SDK's own.
    for (const name of ["a", "b", "c"]) {
      await client.send(new ecs.CreateServiceCommand({
        cluster: unique, serviceName: name, taskDefinition: unique, desiredCount: 0, launchType: "FARGATE",
        networkConfiguration: {awsvpcConfiguration: {subnets: [await subnet()]}},
      }));
    }
    const seen = [];
    for await (const page of ecs.paginateListServices({client, pageSize: 2}, {cluster: unique})) seen.push(page.serviceArns.length);
    assert.deepEqual(seen, [2, 1]);
    const waited = await ecs.waitUntilServicesStable({client, maxWaitTime: 30, minDelay: 1, maxDelay: 1}, {cluster: unique, services: ["a"]});
    assert.equal(waited.state, "SUCCESS");
  },

  async ec2_protocol() {
    assert.match(await subnet(), /^subnet-/);
  },

  async nested_query_members() {
    const elb = sdk("client-elastic-load-balancing-v2");
    const client = new elb.ElasticLoadBalancingV2Client(options);
    const made = await client.send(new elb.CreateTargetGroupCommand({
      Name: unique, Protocol: "HTTP", Port: 80, VpcId: await vpc(), TargetType: "ip", Matcher: {HttpCode: "200-299"},
    }));
    assert.equal(made.TargetGroups[0].Matcher.HttpCode, "200-299");
    assert.equal(made.TargetGroups[0].HealthCheckEnabled, true);
    await assert.rejects(client.send(new elb.DescribeTargetGroupsCommand({Names: [`${unique}-none`]})), elb.TargetGroupNotFoundException);
  },

  async objects_with_checksums() {
    const s3 = sdk("client-s3");
    const client = new s3.S3Client({...options, forcePathStyle: true});
    await client.send(new s3.CreateBucketCommand({Bucket: unique}));
    // A stream goes in chunks with a trailing checksum, which the SDK checks again when it reads.
    const content = Buffer.alloc(3_000_000, "0123456789");
    const put = await client.send(new s3.PutObjectCommand({
      Bucket: unique, Key: "dir/ä b.bin", Body: Readable.from([content]), ContentLength: content.length, ContentType: "text/x",
    }));
    assert.ok(put.ChecksumCRC32);
    const got = await client.send(new s3.GetObjectCommand({Bucket: unique, Key: "dir/ä b.bin"}));
    assert.equal(got.ContentType, "text/x");
    assert.equal(hash(await buffer(got.Body)), hash(content));
    const part = await client.send(new s3.GetObjectCommand({Bucket: unique, Key: "dir/ä b.bin", Range: "bytes=10-19"}));
    assert.equal((await buffer(part.Body)).toString(), "0123456789");
    await assert.rejects(client.send(new s3.GetObjectCommand({Bucket: unique, Key: "none"})), s3.NoSuchKey);
    await assert.rejects(client.send(new s3.HeadObjectCommand({Bucket: unique, Key: "none"})), s3.NotFound);
    const {CommonPrefixes} = await client.send(new s3.ListObjectsV2Command({Bucket: unique, Delimiter: "/"}));
    assert.deepEqual(CommonPrefixes, [{Prefix: "dir/"}]);
    const deleted = await client.send(new s3.DeleteObjectsCommand({Bucket: unique, Delete: {Objects: [{Key: "dir/ä b.bin"}, {Key: "none"}]}}));
    assert.equal(deleted.Deleted.length, 2);
  },

  async presigned_addresses() {
    const s3 = sdk("client-s3");
    const {getSignedUrl} = sdk("s3-request-presigner");
    const client = new s3.S3Client({...options, forcePathStyle: true});
    const Bucket = `${unique}-signed`;
    await client.send(new s3.CreateBucketCommand({Bucket}));
    const upload = await getSignedUrl(client, new s3.PutObjectCommand({Bucket, Key: "a"}), {expiresIn: 60});
    assert.equal((await fetch(upload, {method: "PUT", body: "hello"})).status, 200);
    const download = await getSignedUrl(client, new s3.GetObjectCommand({Bucket, Key: "a"}), {expiresIn: 60});
    assert.equal(await (await fetch(download)).text(), "hello");
  },

  async xml_protocol() {
    const route53 = sdk("client-route-53");
    const client = new route53.Route53Client(options);
    const {HostedZone} = await client.send(new route53.CreateHostedZoneCommand({Name: `${unique}.test`, CallerReference: unique}));
    await client.send(new route53.ChangeResourceRecordSetsCommand({HostedZoneId: HostedZone.Id, ChangeBatch: {Changes: [{
      Action: "UPSERT", ResourceRecordSet: {Name: `a.${unique}.test`, Type: "TXT", TTL: 60, ResourceRecords: [{Value: '"<&>"'}]},
    }]}}));
    const listed = await client.send(new route53.ListResourceRecordSetsCommand({HostedZoneId: HostedZone.Id}));
    const [text] = listed.ResourceRecordSets.filter(record => record.Type === "TXT");
    assert.deepEqual([text.TTL, text.ResourceRecords], [60, [{Value: '"<&>"'}]]);
  },

  async metrics() {
    const cloudwatch = sdk("client-cloudwatch");
    const client = new cloudwatch.CloudWatchClient(options);
    const Timestamp = new Date(Date.now() - 60_000);
    await client.send(new cloudwatch.PutMetricDataCommand({Namespace: unique, MetricData: [{MetricName: "m", Value: 2.5, Timestamp}]}));
    const {Datapoints} = await client.send(new cloudwatch.GetMetricStatisticsCommand({
      Namespace: unique, MetricName: "m", Period: 60, Statistics: ["Sum"], StartTime: new Date(Date.now() - 600_000), EndTime: new Date(),
    }));
    assert.deepEqual(Datapoints.map(point => point.Sum), [2.5]);
    assert.ok(Datapoints[0].Timestamp instanceof Date);
  },

  async log_lines() {
    const logs = sdk("client-cloudwatch-logs");
    const client = new logs.CloudWatchLogsClient(options);
    await client.send(new logs.CreateLogGroupCommand({logGroupName: `/${unique}`}));
    await client.send(new logs.CreateLogStreamCommand({logGroupName: `/${unique}`, logStreamName: "s"}));
    const logEvents = ["one", "two"].map(message => ({message, timestamp: Date.now()}));
    await client.send(new logs.PutLogEventsCommand({logGroupName: `/${unique}`, logStreamName: "s", logEvents}));
    const {events} = await client.send(new logs.GetLogEventsCommand({logGroupName: `/${unique}`, logStreamName: "s", startFromHead: true}));
    assert.deepEqual(events.map(event => event.message), ["one", "two"]);
  },

  async rest_json_protocol() {
    const efs = sdk("client-efs");
    const client = new efs.EFSClient(options);
    const made = await client.send(new efs.CreateFileSystemCommand({CreationToken: unique, Tags: [{Key: "Name", Value: "x"}]}));
    const {FileSystems} = await client.send(new efs.DescribeFileSystemsCommand({FileSystemId: made.FileSystemId}));
    assert.equal(FileSystems[0].Name, "x");
    await assert.rejects(client.send(new efs.DescribeFileSystemsCommand({FileSystemId: "fs-00000000"})), efs.FileSystemNotFound);
  },

  async binary_secrets() {
    const secrets = sdk("client-secrets-manager");
    const client = new secrets.SecretsManagerClient(options);
    await client.send(new secrets.CreateSecretCommand({Name: unique, SecretBinary: Buffer.from([0, 255, 10])}));
    const {SecretBinary} = await client.send(new secrets.GetSecretValueCommand({SecretId: unique}));
    assert.deepEqual([...SecretBinary], [0, 255, 10]);
  },

  // `data-127.0.0.1`, where the SDK would send this, is no host.
  async an_operation_with_a_host_prefix() {
    const discovery = sdk("client-servicediscovery");
    const client = new discovery.ServiceDiscoveryClient({...options, disableHostPrefix: true});
    const asked = client.send(new discovery.DiscoverInstancesCommand({NamespaceName: `${unique}.none`, ServiceName: "web"}));
    await assert.rejects(asked, discovery.NamespaceNotFound);
  },
};

const hash = bytes => createHash("sha256").update(bytes).digest("hex");

async function vpc() {
  const ec2 = sdk("client-ec2");
  const {Vpcs} = await new ec2.EC2Client(options).send(new ec2.DescribeVpcsCommand({Filters: [{Name: "is-default", Values: ["true"]}]}));
  return Vpcs[0].VpcId;
}

async function subnet() {
  const ec2 = sdk("client-ec2");
  const {Subnets} = await new ec2.EC2Client(options).send(new ec2.DescribeSubnetsCommand({Filters: [{Name: "vpc-id", Values: [await vpc()]}]}));
  assert.equal(typeof Subnets[0].MapPublicIpOnLaunch, "boolean");
  return Subnets[0].SubnetId;
}

if (process.argv.length === 2) {
  console.log(Object.keys(checks).join("\n"));
} else {
  await checks[process.argv[2]]();
}
