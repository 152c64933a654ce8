import { IsNumber, IsString } from 'class-validator';

export class Reading {
  @IsString()
  sensor!: string;

  @IsNumber()
  value!: number;
}
