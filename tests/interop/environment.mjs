// What the reference's programs have to know to work with a farm, and nothing of ours.

/** The environment of a person who has `home` to themselves. */
export function environment({ endpoint, credentials, region }, home) {
  return {
    PATH: process.env.PATH,
    HOME: home,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_DEFAULT_REGION: region,
    AWS_ENDPOINT_URL_DEADLINE: endpoint,
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ENDPOINT_URL_STS: endpoint,
    AWS_DISABLE_HOST_PREFIX_INJECTION: 'true',
    AWS_EC2_METADATA_DISABLED: 'true',
    DEADLINE_CLOUD_TELEMETRY_OPT_OUT: 'true',
    PYTHONDONTWRITEBYTECODE: '1',
  }
}
